"""Kopf: watches for us, writes nothing, and has the settings that were measured to be right."""

import base64
import ssl
from pathlib import Path
from random import Random
from typing import Any

import kopf
import pytest
import yaml
from tests.adapters.certificates import Authority

from gpuwright import handlers
from gpuwright.handlers import EndlessBackoffs, NoDiffBase, NoProgress
from gpuwright.model.names import FINALIZER_IN_USE, FINALIZER_MACHINE
from gpuwright.model.resources import OURS

TOKEN = "canary-token"


@pytest.fixture
def settings() -> kopf.OperatorSettings:
    made = kopf.OperatorSettings()
    handlers._configure(made, Random(1))
    return made


class TestSettings:
    """As facts/kopf.md, 6.3, found them; docs/kopf.md says why `exit_timeout` may be shorter than there."""

    @pytest.mark.parametrize(
        ("group", "name", "value"),
        [
            ("persistence", "consistency_timeout", 0),
            ("queueing", "worker_limit", None),
            ("queueing", "idle_timeout", 0.05),
            ("watching", "chunk_size", 500),
            ("watching", "initial_streaming", False),
            ("watching", "server_timeout", 300),
            ("watching", "client_timeout", 330),
            ("watching", "connect_timeout", 10),
            ("watching", "inactivity_timeout", 70),
            ("watching", "reconnect_backoff", 1.0),
            ("networking", "request_timeout", 30),
            ("networking", "connect_timeout", 10),
            ("scanning", "disabled", True),
            ("posting", "enabled", False),
        ],
    )
    def test_are_as_they_were_found_to_be_right(
        self, settings: kopf.OperatorSettings, group: str, name: str, value: object
    ) -> None:
        assert getattr(getattr(settings, group), name) == value

    def test_give_kopf_a_finalizer_that_is_never_ours(self, settings: kopf.OperatorSettings) -> None:
        """Kopf strips its own finalizer from every object that no handler of its own needs."""
        assert settings.persistence.finalizer not in {FINALIZER_MACHINE, FINALIZER_IN_USE}
        assert settings.persistence.finalizer == handlers.UNUSED_FINALIZER

    def test_give_kopf_storages_that_keep_nothing(self, settings: kopf.OperatorSettings) -> None:
        assert isinstance(settings.persistence.diffbase_storage, NoDiffBase)
        assert isinstance(settings.persistence.progress_storage, NoProgress)

    def test_are_made_at_startup(self) -> None:
        made = kopf.OperatorSettings()
        (startup,) = _activities(_registry(), "configure")
        startup(settings=made)
        assert made.persistence.finalizer == handlers.UNUSED_FINALIZER


class TestStorages:
    BODY = kopf.Body({"metadata": {"name": "trainer-0", "uid": "u"}, "spec": {"a": 1}, "status": {"b": 2}})

    def test_of_what_was_handled_last_write_nothing_and_read_nothing(self) -> None:
        storage, patch = NoDiffBase(), kopf.Patch()
        essence = storage.build(body=self.BODY)
        storage.store(body=self.BODY, patch=patch, essence=essence)
        assert (dict(patch), dict(essence), dict(storage.fetch(body=self.BODY) or {})) == ({}, {}, {})

    def test_of_progress_write_nothing_and_read_nothing(self) -> None:
        storage, patch = NoProgress(), kopf.Patch()
        record: Any = {"started": "now"}
        storage.store(key="take", record=record, body=self.BODY, patch=patch)
        storage.touch(body=self.BODY, patch=patch, value="now")
        storage.purge(key="take", body=self.BODY, patch=patch)
        storage.fetch(key="take", body=self.BODY)
        assert dict(patch) == {}

    def test_of_progress_copy_nothing(self) -> None:
        essence = kopf.BodyEssence({"spec": {"a": 1}})
        assert NoProgress().clear(essence=essence) is essence


class TestBackoffs:
    def test_grow_to_fifteen_seconds_and_never_end(self) -> None:
        delays = iter(EndlessBackoffs(Random(1)))
        found = [next(delays) for _ in range(1000)]
        assert all(0.25 <= delay <= 15.0 for delay in found)
        assert found[0] <= 0.5
        assert min(found[10:]) >= 7.5

    def test_begin_anew_for_each_request(self) -> None:
        backoffs = EndlessBackoffs(Random(1))
        for _ in range(3):
            assert next(iter(backoffs)) <= 0.5

    def test_are_not_the_same_for_two_operators(self) -> None:
        assert next(iter(EndlessBackoffs(Random(1)))) != next(iter(EndlessBackoffs(Random(2))))


class TestTheRegistry:
    def test_has_no_handler_of_a_kind_that_writes(self) -> None:
        registry = _registry()
        assert list(registry._changing.get_all_handlers()) == []
        assert list(registry._spawning.get_all_handlers()) == []
        assert list(registry._indexing.get_all_handlers()) == []

    def test_watches_our_kinds_and_no_others(self) -> None:
        selectors = [handler.selector for handler in _registry()._watching.get_all_handlers()]
        assert sorted(str(selector.any_name) for selector in selectors if selector is not None) == sorted(
            resource.plural for resource in OURS
        )

    @pytest.mark.parametrize("event", [None, "ADDED", "MODIFIED", "DELETED"])
    async def test_feeds_what_the_watch_shows_under_its_kind_and_returns_nothing(self, event: str | None) -> None:
        fed: list[tuple[str, str | None, Any]] = []
        registry = _registry(lambda kind, word, body: fed.append((kind, word, body)))
        body = {"metadata": {"name": "a"}}
        for handler in registry._watching.get_all_handlers():
            fn: Any = handler.fn
            # What a handler returns, kopf writes into the status.
            assert await fn(event={"type": event, "object": body}, param=handler.param, patch={}) is None
        assert fed == [(resource.kind, event, body) for resource in OURS]

    async def test_drains_at_the_end(self) -> None:
        drained: list[str] = []

        async def drain() -> None:
            drained.append("drained")

        (cleanup,) = _activities(handlers.registry(_ignore, drain, Random(1)), "drain")
        await cleanup()
        assert drained == ["drained"]


class TestLogin:
    def test_takes_the_kubeconfig(self, kubeconfig: Path) -> None:
        connection = handlers.connection(lambda: 0.0)
        assert connection.server == "https://127.0.0.1:6443"
        assert connection.token() == TOKEN
        assert isinstance(connection.context, ssl.SSLContext)

    def test_is_the_same_for_kopf(self, kubeconfig: Path) -> None:
        (login,) = _activities(_registry(), "login")
        info = login(settings=kopf.OperatorSettings())
        assert (info.server, info.token) == ("https://127.0.0.1:6443", TOKEN)

    def test_says_what_is_missing_where_there_is_nothing(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.delenv("KUBECONFIG", raising=False)
        monkeypatch.setenv("HOME", str(tmp_path))
        with pytest.raises(LookupError, match="set KUBECONFIG, or run in a pod with a service account"):
            handlers.connection(lambda: 0.0)

    def test_prefers_the_service_account_and_reads_its_token_again(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        token = tmp_path / "token"
        token.write_text("from the pod\n")
        info = kopf.ConnectionInfo(server="http://10.96.0.1", token="as it was at the start")
        monkeypatch.setattr(kopf, "login_with_service_account", lambda **_: info)
        monkeypatch.setattr(handlers, "SERVICE_ACCOUNT_TOKEN", token)
        connection = handlers.connection(lambda: 0.0)
        assert (connection.server, connection.token()) == ("http://10.96.0.1", "from the pod")

    @pytest.fixture
    def kubeconfig(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
        ca = base64.b64encode(Authority.made().pem.encode()).decode()
        cluster = {"server": "https://127.0.0.1:6443", "certificate-authority-data": ca}
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "here",
            "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
            "clusters": [{"name": "here", "cluster": cluster}],
            "users": [{"name": "me", "user": {"token": TOKEN}}],
        }
        path = tmp_path / "config"
        path.write_text(yaml.safe_dump(content))
        monkeypatch.setenv("KUBECONFIG", str(path))
        return path


class TestAServiceAccountsToken:
    @pytest.mark.parametrize(("seconds", "token"), [(60.0, "old"), (60.1, "new"), (3600.0, "new")])
    def test_is_read_again_after_a_minute(self, tmp_path: Path, seconds: float, token: str) -> None:
        path = tmp_path / "token"
        path.write_text("old")
        now = [1000.0]
        read = handlers._TokenFile(path, lambda: now[0])
        assert read() == "old"
        path.write_text("new\n")
        now[0] += seconds
        assert read() == token

    def test_that_cannot_be_read_for_once_is_used_on(self, tmp_path: Path) -> None:
        path = tmp_path / "token"
        path.write_text("old")
        now = [1000.0]
        read = handlers._TokenFile(path, lambda: now[0])
        read()
        path.unlink()
        now[0] += 61
        assert read() == "old"
        path.write_text("new")
        now[0] += 61
        assert read() == "new"

    def test_that_was_never_there_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(OSError, match="token"):
            handlers._TokenFile(tmp_path / "token", lambda: 0.0)()


class TestTls:
    def test_is_not_used_for_plain_http(self) -> None:
        assert handlers._context(kopf.ConnectionInfo(server="http://127.0.0.1:8080")) is None

    @pytest.mark.parametrize("encoded", [True, False], ids=["base64", "PEM"])
    def test_takes_an_authority_as_data(self, encoded: bool) -> None:
        pem = Authority.made().pem
        data = base64.b64encode(pem.encode()).decode() if encoded else pem
        context = handlers._context(kopf.ConnectionInfo(server="https://127.0.0.1", ca_data=data))
        assert context is not None
        assert len(context.get_ca_certs()) == 1
        assert context.verify_mode is ssl.CERT_REQUIRED

    def test_takes_an_authority_as_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "ca.crt").write_text(Authority.made().pem)
        context = handlers._context(kopf.ConnectionInfo(server="https://127.0.0.1", ca_path=tmp_path / "ca.crt"))
        assert context is not None
        assert len(context.get_ca_certs()) == 1

    @pytest.mark.parametrize("as_files", [True, False], ids=["files", "data"])
    def test_takes_a_client_certificate(self, tmp_path: Path, as_files: bool) -> None:
        Authority.made().server(tmp_path)
        certificate, key = tmp_path / "server.crt", tmp_path / "server.key"
        info = (
            kopf.ConnectionInfo(server="https://127.0.0.1", certificate_path=certificate, private_key_path=key)
            if as_files
            else kopf.ConnectionInfo(
                server="https://127.0.0.1",
                certificate_data=base64.b64encode(certificate.read_bytes()).decode(),
                private_key_data=base64.b64encode(key.read_bytes()).decode(),
            )
        )
        assert handlers._context(info) is not None

    def test_checks_nothing_only_where_the_kubeconfig_says_so(self) -> None:
        context = handlers._context(kopf.ConnectionInfo(server="https://127.0.0.1", insecure=True))
        assert context is not None
        assert (context.verify_mode, context.check_hostname) == (ssl.CERT_NONE, False)


def _ignore(kind: str, event: str | None, body: Any) -> None:
    return


async def _nothing() -> None:
    return


def _registry(feed: handlers.Feed = _ignore) -> kopf.OperatorRegistry:
    return handlers.registry(feed, _nothing, Random(1))


def _activities(registry: kopf.OperatorRegistry, name: str) -> list[Any]:
    """Return the functions of activity handlers by name."""
    found = [handler.fn for handler in registry._activities.get_all_handlers()]
    return [fn for fn in found if getattr(fn, "__name__", "") == name]
