"""The gateway's adapter against the sandbox: the contract, each row of 2-protocol.md 2.2, and what is its own."""

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from tests.adapters.adapter_stage import LARGEST_BODY
from tests.adapters.contract import (
    MACHINE,
    BlindContract,
    Deed,
    FailingContract,
    PowerContract,
    ReadingContract,
    TokenContract,
    Verb,
    a_request,
    closed,
    opened,
    outcome_of,
)
from tests.adapters.gateway_stage import GatewayStage
from tests.adapters.raw_server import RawServer, closed_port

from gpuwright import http_client
from gpuwright.adapters import gateway as gateway_module
from gpuwright.adapters.contract import Created, Deletion, NotLooked
from gpuwright.model.capabilities import CreateKey
from gpuwright.model.conditions import Reason
from gpuwright.model.errors import (
    Blind,
    NeverSent,
    NotCommitted,
    ProviderError,
    Rejected,
    Throttled,
    Unauthenticated,
    Unknown,
)
from gpuwright.model.machine import Absent, Machine, Present
from gpuwright.model.names import Owner
from gpuwright.model.port_spec import Port, Protocol
from gpuwright.model.request import MachineRequest, Wishes
from gpuwright_sandbox.gateway import Dialect, Settings
from gpuwright_sandbox.gateway.shapes import Json

OTHER: Json = {"id": "i-9", "name": "another", "state": "running"}


@pytest.fixture(autouse=True)
def _small_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_client, "MAX_BODY", LARGEST_BODY)


class TestFull(ReadingContract, PowerContract, FailingContract):
    @pytest.fixture
    async def stage(self) -> AsyncIterator[GatewayStage]:
        async with GatewayStage() as stage:
            yield stage


class TestFullWithTokens(TokenContract):
    @pytest.fixture
    async def stage(self) -> AsyncIterator[GatewayStage]:
        async with GatewayStage(Settings(idempotency=True)) as stage:
            yield stage


class TestCreateOnly(BlindContract):
    @pytest.fixture
    async def stage(self) -> AsyncIterator[GatewayStage]:
        async with GatewayStage(Settings(dialect=Dialect.CREATE_ONLY)) as stage:
            yield stage


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table in 2-protocol.md, 2.2: what goes wrong with a create, what it ends in, and what is true then.

    `spec` has changes to the provider's block, `settings` to the gateway; `first` is what was there before.
    """

    means: type[Created] | type[ProviderError]
    made: int
    fault: Mapping[str, Json] | None = None
    spec: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Json] = field(default_factory=dict)
    first: str = ""
    reason: Reason | None = None
    conflict: bool = False
    resent: bool = False


def answer(status: int, **more: Json) -> dict[str, Json]:
    return {"action": "answer", "status": status, **more}


NO_PROMISES: Mapping[str, Any] = {"outcomes": {}}
PROXY = "<h1>nginx</h1>"

TABLE = {
    "2xx with an id": Row(Created, 1),
    "2xx with nothing but an id": Row(Created, 0, answer(201, body={"id": "i-1"})),
    "2xx without an id": Row(Unknown, 1, {"action": "garble", "how": "without_id"}),
    "2xx with an id that is a number": Row(Unknown, 1, {"action": "garble", "how": "wrong_types"}),
    "2xx with another name": Row(Unknown, 0, answer(201, body={"id": "i-1", "name": "another"})),
    "2xx that cannot be read": Row(Unknown, 1, {"action": "garble", "how": "malformed"}),
    "2xx, a page": Row(Unknown, 0, {"action": "garble", "how": "html", "commit": "never"}),
    "2xx without a body": Row(Unknown, 1, {"action": "garble", "how": "empty"}),
    "2xx, truncated": Row(Unknown, 1, {"action": "truncate"}),
    "2xx, reset in the body": Row(Unknown, 1, {"action": "truncate", "how": "reset"}),
    "accepted, to be made later": Row(Unknown, 0, answer(202, body={"request_id": "r-1", "state": "queued"})),
    "409 that shows our tag": Row(Created, 1, first="ours"),
    "409 and a look that shows our tag": Row(Created, 1, first="ours", settings={"hide_holder": True}),
    "409 that shows another owner": Row(Rejected, 1, first="theirs", reason=Reason.NAME_CONFLICT),
    "409 and a look that shows another owner": Row(
        Rejected, 1, first="theirs", reason=Reason.NAME_CONFLICT, settings={"hide_holder": True}
    ),
    "409, look finds nothing": Row(Unknown, 0, first="residue", conflict=True),
    "409, look finds nothing, sent before": Row(Unknown, 0, first="residue", conflict=True, resent=True),
    "409 from something in between": Row(Unknown, 0, answer(409, body=PROXY)),
    "409 whose holder has another name": Row(
        Unknown,
        0,
        answer(409, body={"error": {"code": "name_conflict", "message": "taken"}, "instance": OTHER}),
        conflict=True,
    ),
    "code no_placement": Row(NotCommitted, 0, {"action": "capacity"}, reason=Reason.CAPACITY_UNAVAILABLE),
    "code capacity": Row(
        NotCommitted, 0, {"action": "capacity", "code": "capacity"}, reason=Reason.CAPACITY_UNAVAILABLE
    ),
    "code quota, 403": Row(NotCommitted, 0, settings={"max_machines": 0}, reason=Reason.QUOTA_EXCEEDED),
    "code quota, 429": Row(
        NotCommitted, 0, settings={"max_machines": 0, "quota_status": 429}, reason=Reason.QUOTA_EXCEEDED
    ),
    "500 that is promised": Row(NotCommitted, 0, answer(500)),
    "503 that is promised": Row(NotCommitted, 0, answer(503, code="internal")),
    "500 that is not promised": Row(Unknown, 0, answer(500), NO_PROMISES),
    "503 that is not promised": Row(Unknown, 0, answer(503, code="internal"), NO_PROMISES),
    "502": Row(Unknown, 0, answer(502)),
    "502 after the machine was made": Row(Unknown, 1, answer(502, commit="first")),
    "504 after the machine was made": Row(Unknown, 1, answer(504, commit="first")),
    "500 that says that it was made": Row(Unknown, 1, answer(500, commit="first", committed="yes")),
    "500 that does not know": Row(Unknown, 0, answer(500, committed="unknown")),
    "502 that says that nothing was made": Row(NotCommitted, 0, answer(502, code="internal", committed="no")),
    "408": Row(Unknown, 0, answer(408, code="timeout")),
    "reset before it was made": Row(Unknown, 0, {"action": "drop"}),
    "reset after it was made": Row(Unknown, 1, {"action": "drop", "commit": "first"}),
    "end of stream after it was made": Row(Unknown, 1, {"action": "drop", "commit": "first", "how": "close"}),
    "token known with other parameters": Row(
        Unknown,
        1,
        first="ours",
        settings={"idempotency": True},
        spec={"idempotencyKeys": True},
        resent=True,
        conflict=True,
    ),
    "token's machine terminated": Row(
        Unknown,
        0,
        first="gone",
        settings={"idempotency": True},
        spec={"idempotencyKeys": True},
        resent=True,
        conflict=True,
    ),
    "410": Row(Unknown, 0, answer(410)),
    "429 in seconds": Row(Throttled, 0, {"action": "throttle", "seconds": 2}),
    "429 without a time": Row(Throttled, 0, {"action": "throttle", "retry_after": "missing"}),
    "503 with Retry-After, promised": Row(Throttled, 0, answer(503, code="internal", headers={"Retry-After": "2"})),
    "503 with Retry-After, not promised": Row(
        Unknown, 0, answer(503, code="internal", headers={"Retry-After": "2"}), NO_PROMISES
    ),
    "400 in the gateway's shape": Row(Rejected, 0, answer(400), reason=Reason.REQUEST_REJECTED),
    "402 in the gateway's shape": Row(Rejected, 0, answer(402, code="payment"), reason=Reason.REQUEST_REJECTED),
    "404 in the gateway's shape": Row(Rejected, 0, answer(404), reason=Reason.REQUEST_REJECTED),
    "422 in the gateway's shape": Row(Rejected, 0, answer(422), reason=Reason.REQUEST_REJECTED),
    **{f"{status}, a proxy's page": Row(Unknown, 0, answer(status, body=PROXY)) for status in (400, 401, 403, 404)},
    "401": Row(Unauthenticated, 0, answer(401), reason=Reason.CREDENTIALS_REJECTED),
    "403 on one create": Row(Rejected, 0, answer(403, code="unauthorized"), reason=Reason.CREDENTIALS_REJECTED),
    "a redirect": Row(Unknown, 0, {"action": "redirect", "location": "http://127.0.0.1:1/"}),
    "any other status": Row(Unknown, 0, answer(418, code="teapot")),
}


class TestTheTableOfOutcomes:
    @pytest.mark.parametrize("row", TABLE.values(), ids=list(TABLE))
    async def test_is_kept(self, row: Row) -> None:
        async with GatewayStage(**row.spec) as stage:
            stage.server.change_settings(**row.settings)
            request = replace(a_request(), resent=row.resent)
            await self._prepare(stage, row.first, request)
            if row.fault is not None:
                stage.server.add_fault(call="create", **row.fault)
            end = await outcome_of(stage.adapter_for(), request)
            assert type(end) is row.means
            assert len(stage.live()) == row.made
            assert row.reason in {None, getattr(end, "reason", None)}
            assert getattr(end, "conflict", False) is row.conflict
            if isinstance(end, Created):
                assert end.adopted is (row.first == "ours")

    @staticmethod
    async def _prepare(stage: GatewayStage, first: str, request: MachineRequest) -> None:
        """Let something be under the name already."""
        if not first:
            return
        before = request
        if first == "residue":
            stage.server.add_fault(call="create", action="residue", seconds=60)
        elif first == "theirs":
            before = replace(a_request("theirs"), name=request.name)
        elif stage.server.settings.idempotency:
            before = replace(request, wishes=Wishes(MACHINE), resent=False)
        await outcome_of(stage.adapter, before)
        if first == "gone":
            stage.do(Deed.DELETE, request.name)
            stage.advance(60)

    @pytest.mark.parametrize("trouble", ["refused", "dns", "tls", "connect time-out"])
    async def test_has_nothing_sent_where_no_connection_was_made(self, trouble: str) -> None:
        async with GatewayStage() as stage, RawServer(backlog=0) as full:
            fillers = [socket.create_connection(("127.0.0.1", full.port)) for _ in range(1)]
            url = {
                "refused": f"http://127.0.0.1:{closed_port()}",
                "dns": f"http://{'a' * 64}.example",
                "tls": stage.server.url.replace("http:", "https:"),
                "connect time-out": full.url,
            }[trouble]
            end = await outcome_of(stage.adapter_for(url=url, seconds=stage.IMPATIENCE), a_request())
            for filler in fillers:
                filler.close()
            assert isinstance(end, NeverSent)
            assert end.unhealthy
            assert stage.calls() == 0

    async def test_has_an_unknown_outcome_for_a_name_that_is_taken_while_nobody_can_look(self) -> None:
        async with GatewayStage(Settings(hide_holder=True)) as stage:
            await stage.adapter.create(a_request(), opened)
            stage.server.add_fault(call="get", action="answer", status=500)
            end = await outcome_of(stage.adapter, a_request())
            assert isinstance(end, Unknown)
            assert not end.conflict, "nothing was found because nobody looked"


class TestARequest:
    """What goes over the wire."""

    @pytest.fixture
    async def stage(self) -> AsyncIterator[GatewayStage]:
        async with GatewayStage() as stage:
            yield stage

    async def test_to_create_carries_the_token_of_its_attempt(self, stage: GatewayStage) -> None:
        request = a_request()
        await stage.adapter.create(request, opened)
        assert self._headers(stage)["idempotency-key"] == request.token

    async def test_carries_the_bearer_token_and_an_id_of_its_own(self, stage: GatewayStage) -> None:
        for _ in range(3):
            await stage.adapter.list()
        ids = {record.headers["x-request-id"] for record in stage.server.requests}
        assert len(ids) == 3
        assert "authorization" in self._headers(stage)

    async def test_carries_the_trace_of_its_object(self, stage: GatewayStage) -> None:
        trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        await stage.adapter.create(replace(a_request(), traceparent=trace), opened)
        assert self._headers(stage)["traceparent"] == trace

    @pytest.mark.parametrize(
        "trace",
        [
            pytest.param("", id="none"),
            pytest.param("hello", id="a word"),
            pytest.param("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\nx-admin: 1", id="another header"),
            pytest.param("00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", id="capitals"),
            pytest.param("ü" * 55, id="no ASCII"),
            pytest.param("0" * 100_000, id="huge"),
        ],
    )
    async def test_leaves_out_a_trace_that_is_none(self, stage: GatewayStage, trace: str) -> None:
        await stage.adapter.create(replace(a_request(), traceparent=trace), opened)
        assert "traceparent" not in self._headers(stage)

    async def test_to_list_asks_for_the_machines_of_this_cluster_only(self, stage: GatewayStage) -> None:
        await stage.adapter.create(a_request("ours"), opened)
        other = replace(a_request("theirs"), owner=Owner("cluster-2", "team-a", "theirs", "uid-2"))
        await stage.adapter_for(cluster="cluster-2").create(other, opened)
        assert [machine.name for machine in await stage.adapter.list()] == [a_request("ours").name]
        assert len(stage.live()) == 2

    @pytest.mark.parametrize("cluster", ["a&b=c", "ü", "a b", "a%2Fb", "a/b", "a+b"])
    async def test_to_list_finds_a_cluster_of_any_name(self, stage: GatewayStage, cluster: str) -> None:
        adapter = stage.adapter_for(cluster=cluster)
        request = replace(a_request(), owner=Owner(cluster, "team-a", "trainer-0", "uid-1"))
        await adapter.create(request, opened)
        assert len(await adapter.list()) == 1

    @pytest.mark.parametrize("name", ["a/b", "..", ".", "...", "a?b", "a#b", "a%2Fb", "a b", "ü"])
    async def test_names_one_machine_whatever_its_name(self, stage: GatewayStage, name: str) -> None:
        """Only names that others gave can look like that: those of adopted machines."""
        request = replace(a_request(), name=name)
        await stage.adapter.create(request, opened)
        sighting = await stage.adapter.look(name, opened)
        assert isinstance(sighting, Present)
        assert await stage.adapter.delete(name, opened) is Deletion.ACCEPTED
        assert [record.name for record in stage.server.requests] == [name] * 3

    @staticmethod
    def _headers(stage: GatewayStage) -> Mapping[str, str]:
        return next(iter(stage.server.requests)).headers


class TestLists:
    """Answers of gateways that are odder than the sandbox."""

    MACHINE: Mapping[str, Any] = {"id": "i-1", "name": "trainer-0", "state": "running"}

    @pytest.mark.parametrize(
        "body",
        [
            pytest.param({"items": [MACHINE]}, id="no cursor"),
            pytest.param({"items": [MACHINE], "next_cursor": None}, id="no cursor, said so"),
            pytest.param({"items": [MACHINE], "next_cursor": 2}, id="a cursor that is a number"),
            pytest.param({"items": None, "next_cursor": ""}, id="no items"),
            pytest.param({"items": {"a": MACHINE}, "next_cursor": ""}, id="items that are no list"),
            pytest.param({"items": [MACHINE, {}], "next_cursor": ""}, id="an item that is no machine"),
            pytest.param({"items": [MACHINE, None], "next_cursor": ""}, id="an item that is nothing"),
            pytest.param([MACHINE], id="a bare list"),
            pytest.param({}, id="nothing"),
        ],
    )
    async def test_that_are_not_well_formed_are_blind(self, body: object) -> None:
        with pytest.raises(Blind):
            await self._listed([body])

    async def test_that_lead_back_to_the_beginning_are_blind(self) -> None:
        first = {"items": [self.MACHINE], "next_cursor": "p2"}
        with pytest.raises(Blind, match="does not end"):
            await self._listed([first, {**first, "next_cursor": "p1"}, {**first, "next_cursor": "p2"}])

    async def test_that_never_end_are_blind(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(gateway_module, "MAX_PAGES", 3)
        with pytest.raises(Blind, match="does not end"):
            await self._listed([{"items": [], "next_cursor": f"p{number}"} for number in range(1, 4)])

    async def test_may_have_an_empty_page_in_between(self) -> None:
        pages = [{"items": [], "next_cursor": "p2"}, {"items": [self.MACHINE], "next_cursor": ""}]
        assert [machine.id for machine in await self._listed(pages)] == ["i-1"]

    @staticmethod
    async def _listed(bodies: list[Any]) -> tuple[Machine, ...]:
        async with GatewayStage() as stage, RawServer() as server:
            adapter = stage.adapter_for(url=server.url)
            asked = asyncio.ensure_future(adapter.list())
            peer = await server.accept()
            for body in bodies:
                await peer.read_request()
                await peer.answer(200, body)
            return await asked


class TestALook:
    @pytest.mark.parametrize(
        "body",
        [
            pytest.param({"id": "i-1", "name": "another", "state": "running"}, id="another machine"),
            pytest.param({"name": "trainer-0", "state": "running"}, id="no id"),
            pytest.param({}, id="nothing"),
        ],
    )
    async def test_that_is_answered_with_something_else_is_blind(self, body: Json) -> None:
        async with GatewayStage() as stage:
            stage.server.add_fault(call="get", action="answer", status=200, body=body)
            with pytest.raises(Blind):
                await stage.adapter.look("trainer-0", opened)

    async def test_at_a_tombstone_without_an_id_proves_nothing_of_any_machine(self) -> None:
        async with GatewayStage() as stage:
            stage.server.add_fault(call="get", action="answer", status=410)
            assert await stage.adapter.look("trainer-0", opened) == Absent()

    async def test_ignores_its_gate_because_it_changes_nothing(self) -> None:
        async with GatewayStage() as stage:
            assert await stage.adapter.look("trainer-0", closed) == Absent()


class TestATerminate:
    async def test_is_repeated_once_when_its_connection_breaks(self) -> None:
        async with GatewayStage() as stage:
            await stage.adapter.create(a_request(), opened)
            stage.server.add_fault(call="delete", action="drop")
            assert await stage.adapter.delete(a_request().name, opened) is Deletion.ACCEPTED
            assert stage.calls(Verb.DELETE) == 2

    async def test_is_not_repeated_a_second_time(self) -> None:
        async with GatewayStage() as stage:
            stage.server.add_fault(call="delete", action="drop", nth="every")
            with pytest.raises(Unknown) as caught:
                await stage.adapter.delete(a_request().name, opened)
            assert caught.value.unhealthy
            assert stage.calls(Verb.DELETE) == 2

    async def test_is_not_repeated_through_a_gate_that_has_closed_since(self) -> None:
        async with GatewayStage() as stage:
            stage.server.add_fault(call="delete", action="drop", nth="every")
            answers = iter([True, True])
            with pytest.raises(ProviderError):
                await stage.adapter.delete(a_request().name, lambda: next(answers, False))
            assert stage.calls(Verb.DELETE) == 1


class TestAProbe:
    @pytest.mark.parametrize("dialect", list(Dialect))
    async def test_needs_no_health_check_at_the_gateway(self, dialect: Dialect) -> None:
        async with GatewayStage(Settings(dialect=dialect, healthz=False)) as stage:
            await stage.adapter.probe()

    @pytest.mark.parametrize("dialect", list(Dialect))
    async def test_tells_refused_credentials(self, dialect: Dialect) -> None:
        async with GatewayStage(Settings(dialect=dialect)) as stage:
            stage.revoke()
            with pytest.raises(Blind) as caught:
                await stage.adapter.probe()
            assert caught.value.rejected

    @pytest.mark.parametrize("dialect", list(Dialect))
    @pytest.mark.parametrize("status", [500, 503])
    async def test_of_a_sick_gateway_is_blind(self, dialect: Dialect, status: int) -> None:
        async with GatewayStage(Settings(dialect=dialect)) as stage:
            stage.server.add_fault(call=["list", "delete"], action="answer", status=status)
            with pytest.raises(Blind) as caught:
                await stage.adapter.probe()
            assert caught.value.unhealthy

    @pytest.mark.parametrize("dialect", list(Dialect))
    async def test_of_a_gateway_that_is_away_is_blind(self, dialect: Dialect) -> None:
        async with GatewayStage(Settings(dialect=dialect)) as stage:
            adapter = stage.adapter_for(url=f"http://127.0.0.1:{closed_port()}")
            with pytest.raises(Blind) as caught:
                await adapter.probe()
            assert caught.value.unhealthy


class TestCapabilities:
    def test_of_a_full_gateway(self) -> None:
        body = GatewayStage().adapter_for(url="http://127.0.0.1:1", dialect="Full").capabilities.body()
        assert body == {
            "createKey": "UniqueName",
            "reads": True,
            "power": True,
            "spot": True,
            "nodeJoin": True,
            "userData": "CloudInit",
            "ports": True,
            "priceCeiling": "None",
        }

    def test_of_a_gateway_that_honours_tokens(self) -> None:
        adapter = GatewayStage().adapter_for(url="http://127.0.0.1:1", idempotencyKeys=True)
        assert adapter.capabilities.create_key is CreateKey.TOKEN

    def test_of_a_gateway_that_cannot_be_read(self) -> None:
        capabilities = GatewayStage().adapter_for(url="http://127.0.0.1:1", dialect="CreateOnly").capabilities
        assert [capabilities.reads, capabilities.power, capabilities.node_join] == [False, False, False]


async def test_ports_and_keys_reach_the_gateway_and_the_ways_in_come_back_while_it_runs() -> None:
    async with GatewayStage() as stage:
        ports = [Port(name="ssh", port=22), Port(name="web", port=8888, protocol=Protocol.HTTP)]
        wanted = MACHINE.model_copy(update={"ports": ports})
        wishes = Wishes(wanted, ssh_keys=("ssh-ed25519 AAAAC3Nza me",))
        created = await stage.adapter.create(replace(a_request(), wishes=wishes), opened)
        assert created.machine.endpoints == ()
        truth = stage.server.fleet.pick(created.machine.name)
        assert truth is not None
        assert truth.request.ssh_authorized_keys == ("ssh-ed25519 AAAAC3Nza me",)
        stage.advance(60)
        (running,) = await stage.adapter.list()
        ssh, web = running.endpoints
        assert (ssh.name, ssh.port, ssh.address, ssh.url) == ("ssh", 22, "203.0.113.9", "")
        assert ssh.external_port
        assert (web.name, web.port, web.address, web.url.partition(":")[0]) == ("web", 8888, "", "https")


async def test_a_rotation_does_not_break_the_look_that_is_on_its_way() -> None:
    async with GatewayStage() as stage, RawServer() as server:
        adapter = stage.adapter_for(url=server.url)
        asked = asyncio.ensure_future(adapter.look("trainer-0", opened))
        peer = await server.accept()
        await peer.read_request()
        await adapter.close()
        await peer.answer(200, {"id": "i-1", "name": "trainer-0", "state": "running"})
        assert isinstance(await asked, Present)
        with pytest.raises(NotLooked):
            await adapter.look("trainer-0", opened)


async def test_a_look_that_is_cancelled_is_cancelled() -> None:
    async with GatewayStage() as stage, RawServer() as server:
        asked = asyncio.ensure_future(stage.adapter_for(url=server.url).look("trainer-0", opened))
        await (await server.accept()).read_request()
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        assert server.is_untouched(), "and is not repeated"
