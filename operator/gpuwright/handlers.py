"""The only file that imports kopf: settings, login, feed, cleanup. Correctness is not kopf's here.

Kopf gives the process, credentials, and LIST and WATCH with bookmarks and reconnects. It writes nothing: its finalizer
is a name
that is never used, its storages keep nothing, and no handler of a kind that writes is registered. docs/kopf.md says
why for each.
"""

import asyncio
import base64
import binascii
import ssl
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from tempfile import NamedTemporaryFile
from typing import Any

import kopf

from gpuwright.kube.client import Connection
from gpuwright.model.resources import GROUP, OURS, VERSION, Resource

UNUSED_FINALIZER = f"{GROUP}/kopf-unused"  # kopf strips its configured finalizer where no handler needs it: never ours
SERVICE_ACCOUNT_TOKEN = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
TOKEN_SECONDS = 60.0  # a service account's token is re-read this often

Feed = Callable[[str, str | None, Mapping[str, Any]], None]
"""Told of each object that the watch shows: kind, type of the event (None when listed), body."""


class NoDiffBase(kopf.DiffBaseStorage):
    """Remembers nothing: what kopf handled last is of no interest, and annotations would be writes."""

    def build(self, *, body: kopf.Body, extra_fields: Any = None) -> kopf.BodyEssence:  # noqa: ARG002, D102
        return kopf.BodyEssence()

    def fetch(self, *, body: kopf.Body) -> kopf.BodyEssence | None:  # noqa: ARG002, D102
        return kopf.BodyEssence()

    def store(self, *, body: kopf.Body, patch: kopf.Patch, essence: kopf.BodyEssence) -> None:  # noqa: D102
        pass


class NoProgress(kopf.ProgressStorage):
    """Remembers nothing: no handler of ours has progress."""

    def fetch(self, *, key: Any, body: kopf.Body) -> None:  # noqa: ARG002, D102
        return None

    def store(self, *, key: Any, record: Any, body: kopf.Body, patch: kopf.Patch) -> None:  # noqa: D102
        pass

    def purge(self, *, key: Any, body: kopf.Body, patch: kopf.Patch) -> None:  # noqa: D102
        pass

    def touch(self, *, body: kopf.Body, patch: kopf.Patch, value: str | None) -> None:  # noqa: D102
        pass

    def clear(self, *, essence: kopf.BodyEssence) -> kopf.BodyEssence:  # noqa: D102
        return essence


class EndlessBackoffs:
    """Seconds between kopf's retries of a LIST or WATCH: growing to 15, with jitter, for ever; iterable again and
    again.
    """

    def __init__(self, random: Random) -> None:
        self._random = random

    def __iter__(self) -> Iterator[float]:
        """Yield delays without end."""
        delay = 0.5
        while True:
            yield delay * self._random.uniform(0.5, 1.0)
            delay = min(15.0, delay * 2)


def registry(
    feed: Feed, cleanup: Callable[[], Awaitable[None]], random: Random, kinds: Iterable[Resource] = OURS
) -> kopf.OperatorRegistry:
    """Return the registry with the few handlers that we use, for the kinds that we may watch."""
    handlers = kopf.OperatorRegistry()

    @kopf.on.startup(registry=handlers)
    def configure(settings: kopf.OperatorSettings, **_: Any) -> None:
        _configure(settings, random)

    @kopf.on.login(registry=handlers)
    def login(**arguments: Any) -> kopf.ConnectionInfo | None:
        return _login(**arguments)

    @kopf.on.cleanup(registry=handlers)
    async def drain(**_: Any) -> None:
        await cleanup()

    for resource in kinds:

        @kopf.on.event(
            GROUP, VERSION, resource.plural, registry=handlers, param=resource.kind, id=f"feed-{resource.plural}"
        )
        async def take(*, event: kopf.RawEvent, param: Any = None, **_: Any) -> None:
            feed(str(param), event["type"], event["object"])

    return handlers


async def watch(handlers: kopf.OperatorRegistry, namespaces: Sequence[str], begun: asyncio.Event) -> None:
    """Run kopf until a signal ends it. Raises what a dead watch raises: the process ends then, and is started again.

    `begun` is set as soon as a signal ends it in good order.
    """
    await kopf.operator(
        registry=handlers,
        clusterwide=not namespaces,
        namespaces=list(namespaces),
        standalone=True,
        ready_flag=begun,
    )


def _configure(settings: kopf.OperatorSettings, random: Random) -> None:
    settings.persistence.finalizer = UNUSED_FINALIZER
    settings.persistence.diffbase_storage = NoDiffBase()
    settings.persistence.progress_storage = NoProgress()
    settings.persistence.consistency_timeout = 0
    settings.queueing.worker_limit = None
    settings.queueing.idle_timeout = 0.05
    settings.queueing.exit_timeout = 1
    settings.watching.chunk_size = 500
    settings.watching.initial_streaming = False
    settings.watching.server_timeout = 300
    settings.watching.client_timeout = 330
    settings.watching.connect_timeout = 10
    settings.watching.inactivity_timeout = 70
    settings.watching.reconnect_backoff = 1.0
    settings.networking.request_timeout = 30
    settings.networking.connect_timeout = 10
    settings.networking.error_backoffs = EndlessBackoffs(random)
    settings.scanning.disabled = True
    settings.posting.enabled = False


def _login(**arguments: Any) -> kopf.ConnectionInfo | None:
    return kopf.login_with_service_account(**arguments) or kopf.login_with_kubeconfig(**arguments)


def connection(monotonic: Callable[[], float]) -> Connection:
    """Return how to reach the API server: the service account's, else KUBECONFIG's. Raises LookupError where there is
    neither.
    """
    info = _login(settings=kopf.OperatorSettings())
    if info is None:
        raise LookupError(
            "no credentials for a Kubernetes API server: set KUBECONFIG, or run in a pod with a service account"
        )
    reread = _TokenFile(SERVICE_ACCOUNT_TOKEN, monotonic) if SERVICE_ACCOUNT_TOKEN.exists() else None
    return Connection(server=info.server, context=_context(info), token=reread or (lambda: info.token))


class _TokenFile:
    """A service account's token, re-read from its file: the kubelet replaces it before it ends."""

    def __init__(self, path: Path, monotonic: Callable[[], float]) -> None:
        self._path = path
        self._monotonic = monotonic
        self._read = -1e9
        self._token = ""

    def __call__(self) -> str | None:
        now = self._monotonic()
        if now - self._read > TOKEN_SECONDS:
            try:
                self._token = self._path.read_text(encoding="utf-8").strip()
            except OSError:
                if not self._token:
                    raise
                # The one we have is good for minutes: the kubelet replaces it long before it ends.
            self._read = now
        return self._token


def _context(info: kopf.ConnectionInfo) -> ssl.SSLContext | None:
    if not info.server.startswith("https"):
        return None
    ca = _pem(info.ca_data)
    context = ssl.create_default_context(cafile=None if info.ca_path is None else str(info.ca_path), cadata=ca)
    if info.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if info.certificate_path and info.private_key_path:
        context.load_cert_chain(str(info.certificate_path), str(info.private_key_path))
    elif info.certificate_data and info.private_key_data:
        # ssl takes a client certificate from files only; both are gone again before this returns.
        with NamedTemporaryFile("w") as certificate, NamedTemporaryFile("w") as key:
            certificate.write(_pem(info.certificate_data) or "")
            key.write(_pem(info.private_key_data) or "")
            certificate.flush()
            key.flush()
            context.load_cert_chain(certificate.name, key.name)
    return context


def _pem(data: str | bytes | None) -> str | None:
    """Return PEM text from a kubeconfig's field, which has it in base64, or as it is."""
    if data is None:
        return None
    text = data.decode() if isinstance(data, bytes) else data
    if "-----BEGIN" in text:
        return text
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return text
