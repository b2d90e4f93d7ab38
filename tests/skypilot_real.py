"""The adapter against SkyPilot's real API server, which drives a real Slurm: `make test-skypilot`.

It needs Debian 12, root and a network for packages, and takes some five minutes. It ends with 0 only if everything ran
and passed, and with 2 where something cannot be had.
"""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import httpx
import pytest

from gpuwright.adapters.bearer import BearerToken
from gpuwright.adapters.contract import Created, Deletion
from gpuwright.adapters.skypilot import SkyPilot
from gpuwright.adapters.skypilot_calls import Calls
from gpuwright.adapters.skypilot_request import user_of
from gpuwright.adapters.skypilot_wire import FIELDS, Wire
from gpuwright.http_client import Endpoint, HttpClient
from gpuwright.model.addresses import AddressPolicy
from gpuwright.model.conditions import Reason
from gpuwright.model.errors import Blind, NeverSent, Rejected
from gpuwright.model.machine import Absent, Machine, MachineState, Present, Tombstone
from gpuwright.model.machine_spec import MachineSpec
from gpuwright.model.names import Owner
from gpuwright.model.request import MachineRequest, Wishes, request_for
from gpuwright.model.skypilot_spec import SkyPilotSpec
from gpuwright_sandbox.skypilot.fleet import Fleet, Pace
from gpuwright_sandbox.skypilot.real.packages import MissingError, environment, require_programs
from gpuwright_sandbox.skypilot.real.server import RealServer
from gpuwright_sandbox.skypilot.real.slurm import CLUSTER, Slurm
from gpuwright_sandbox.skypilot.shapes import listed, row

OURS = "cluster-1"
MACHINE = {"cpu": "1", "memory": "1Gi", "gpu": {"type": "H100"}, "region": CLUSTER}
PATIENCE_SECONDS = 420.0
LOOPBACK_ALLOWED = AddressPolicy((ip_network("127.0.0.0/8"), ip_network("192.0.2.0/24")))


def opened() -> bool:
    return True


def asking(name: str, **machine: Any) -> MachineRequest:
    spec = MachineSpec.model_validate({**MACHINE, **machine})
    owner = Owner(OURS, "team-a", name, f"uid-of-{name}")
    return request_for(owner, Wishes(spec, tags={"team": "vision"}, env={"RUN_ID": "42"}), 1, 1, 0)


def adapter_for(url: str, *, connect: float = 5.0, seconds: float = 240.0) -> SkyPilot:
    block = {"endpoint": url, "credentialsSecretRef": {"name": "skypilot", "key": "token"}, "cloud": "slurm"}
    spec = SkyPilotSpec.model_validate(block)
    http = HttpClient(Endpoint(url, connect, seconds, LOOPBACK_ALLOWED))
    calls = Calls(Wire(http, BearerToken("none-is-asked-for")), user_of(OURS), connect + seconds)
    return SkyPilot(spec, calls, OURS, seconds=connect + seconds, promises=True)


async def present(adapter: SkyPilot, name: str) -> Machine:
    sighting = await adapter.look(name, opened)
    assert isinstance(sighting, Present), sighting
    return sighting.machine


async def until(what: str, look: Callable[[], Awaitable[bool]]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not await look():
        assert time.monotonic() < end, f"waited {PATIENCE_SECONDS:g} s for {what}"
        await asyncio.sleep(1)


class Play:
    """The checks, in the order in which they build on each other."""

    def __init__(self, server: RealServer, slurm: Slurm) -> None:
        self._server = server
        self._slurm = slurm
        self._adapter = adapter_for(server.url)
        self._first = asking("first")
        self._id = ""

    async def all(self) -> int:
        """Run every check; return how many did not pass."""
        checks = [
            self.the_document_of_the_api_has_all_that_is_sent,
            self.a_probe_is_answered,
            self.what_was_never_there_is_absent,
            self.a_launch_shows_its_machine_with_its_owner,
            self.rows_and_requests_have_the_emulators_shape,
            self.it_comes_up_and_holds_one_job,
            self.a_second_create_makes_no_second_machine,
            self.a_stop_is_refused_and_the_capability_goes,
            self.wishes_that_cannot_be_had_are_rejected,
            self.a_machine_of_another_cluster_is_not_listed,
            self.a_server_that_is_killed_in_a_launch_loses_the_request_and_not_the_machine,
            self.a_cancelled_launch_leaves_what_can_be_ended,
            self.what_is_ended_behind_the_servers_back_goes_from_its_list,
            self.a_down_ends_everything,
            self.a_dead_address_is_never_sent_and_blind,
        ]
        failed = 0
        for check in checks:
            began = time.monotonic()
            try:
                await check()
                verdict = "pass"
            except Exception as error:  # noqa: BLE001 - one check that fails must not hide the others
                verdict, failed = f"FAIL {type(error).__name__}: {str(error)[:600]}", failed + 1
            say(f"{time.monotonic() - began:6.1f} s  {check.__name__.replace('_', ' ')}: {verdict}")
        await self._adapter.close()
        say(f"{len(checks) - failed} of {len(checks)} passed")
        return failed

    async def the_document_of_the_api_has_all_that_is_sent(self) -> None:
        async with httpx.AsyncClient(trust_env=False) as client:
            document = (await client.get(f"{self._server.url}/openapi.json", timeout=60)).json()
        schemas = document["components"]["schemas"]
        about = {"cluster_name", "env_vars"}
        read = {"cluster_names", "refresh", "all_users", "include_credentials", "include_handle", "env_vars"}
        launch = {"task", "retry_until_up", "dryrun", *about}
        sent = {"/launch": launch, "/down": about, "/stop": about, "/start": about, "/status": read}
        for path, fields in sent.items():
            content = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
            known = set(schemas[content["$ref"].rpartition("/")[2]]["properties"])
            assert fields <= known, f"{path} does not know {fields - known}"
        asked = {parameter["name"] for parameter in document["paths"]["/api/status"]["get"]["parameters"]}
        assert {"request_ids", "all_status", "limit", "fields", "cluster_name"} <= asked
        assert set(FIELDS) <= set(schemas["RequestPayload"]["properties"])

    async def a_probe_is_answered(self) -> None:
        await self._adapter.probe()

    async def what_was_never_there_is_absent(self) -> None:
        assert await self._adapter.look(self._first.name, opened) == Absent()
        assert await self._adapter.list() == ()
        assert await self._adapter.delete(self._first.name, opened) is Deletion.NOT_FOUND

    async def a_launch_shows_its_machine_with_its_owner(self) -> None:
        created = await self._adapter.create(self._first, opened)
        assert not created.adopted
        self._id = created.machine.id
        machine = await present(self._adapter, self._first.name)
        assert (machine.id, machine.owner, machine.labels["team"]) == (self._id, self._first.owner, "vision")
        (only,) = await self._adapter.list()
        assert only.id == self._id

    async def rows_and_requests_have_the_emulators_shape(self) -> None:
        fleet = Fleet(Pace(), lambda: 0.0)
        request = fleet.submit("launch", {"cluster_name": "a", "task": "resources: {accelerators: {H100: 1}}"})
        (real,) = await self._adapter._calls.rows([self._first.name])
        ours = row(fleet.clusters["a"])
        differing = [key for key, value in ours.items() if not _alike(value, real.fields.get(key))]
        assert not differing, f"rows differ in {differing}: {real.fields}"
        async with httpx.AsyncClient(trust_env=False) as client:
            query = {"cluster_name": self._first.name, "all_status": "true", "fields": FIELDS}
            found = (await client.get(f"{self._server.url}/api/status", params=query, timeout=60)).json()
        shaped = listed(request, FIELDS)
        assert set(shaped) <= set(found[0]), set(shaped) - set(found[0])
        assert all(_alike(shaped[key], found[0][key]) for key in FIELDS), found[0]
        assert found[0]["request_body"] == "null", "what is not asked for is not told"

    async def it_comes_up_and_holds_one_job(self) -> None:
        async def up() -> bool:
            return (await present(self._adapter, self._first.name)).state is MachineState.RUNNING

        await until("the machine", up)
        assert len(self._slurm.jobs()) == 1

    async def a_second_create_makes_no_second_machine(self) -> None:
        again = await self._adapter.create(self._first, opened)
        assert again.adopted
        assert again.machine.id == self._id
        assert len(self._slurm.jobs()) == 1

    async def a_stop_is_refused_and_the_capability_goes(self) -> None:
        async def idle() -> bool:
            return not await self._adapter._calls.requests(cluster_name=self._first.name)

        await until("the end of its launch", idle)
        assert self._adapter.capabilities.power
        with pytest.raises(Rejected, match="not supported"):
            await self._adapter.power(self._first.name, on=False, gate=opened)
        assert not self._adapter.capabilities.power

    async def wishes_that_cannot_be_had_are_rejected(self) -> None:
        for machine in ({"gpu": {"type": "B999"}}, {"gpu": {"type": "H100", "count": 64}}, {"region": "elsewhere"}):
            with pytest.raises(Rejected) as caught:
                await self._adapter.create(asking("wish", **machine), opened)
            assert caught.value.reason is Reason.REQUEST_REJECTED
        assert await self._adapter.look(asking("wish").name, opened) == Absent()

    async def a_machine_of_another_cluster_is_not_listed(self) -> None:
        other = adapter_for(self._server.url)
        other._cluster = "cluster-2"
        assert await other.list() == ()
        await other.close()

    async def a_server_that_is_killed_in_a_launch_loses_the_request_and_not_the_machine(self) -> None:
        second = asking("second")
        created = await self._adapter.create(second, opened)
        self._server.kill()
        with pytest.raises(Blind):
            await self._adapter.look(second.name, opened)
        with pytest.raises(NeverSent):
            await self._adapter.create(asking("third"), opened)
        await asyncio.to_thread(self._server.start)
        assert await self._adapter._calls.history(second.name) == (), "the requests were to be lost"
        machine = await present(self._adapter, second.name)
        assert (machine.id, machine.state) == (created.machine.id, MachineState.PROVISIONING)
        assert (await present(self._adapter, self._first.name)).state is MachineState.RUNNING
        await self._ends(second.name)

    async def a_cancelled_launch_leaves_what_can_be_ended(self) -> None:
        fourth = asking("fourth")
        created = await self._adapter.create(fourth, opened)
        assert isinstance(created, Created)
        (launch,) = await self._adapter._calls.requests(cluster_name=fourth.name)
        async with httpx.AsyncClient(trust_env=False) as client:
            body = {"request_ids": [launch.id], "user_id": None}
            await client.post(f"{self._server.url}/api/cancel", json=body, timeout=60)

        async def failed() -> bool:
            return (await present(self._adapter, fourth.name)).state is MachineState.FAILED

        await until("the cancelled launch", failed)
        await self._ends(fourth.name)

    async def what_is_ended_behind_the_servers_back_goes_from_its_list(self) -> None:
        self._slurm.cancel_all()

        async def gone() -> bool:
            return not isinstance(await self._adapter.look(self._first.name, opened), Present)

        await until("the server to notice", gone)
        assert await self._adapter.look(self._first.name, opened) == Absent(), "no request of anybody's ended it"

    async def a_down_ends_everything(self) -> None:
        fifth = asking("fifth")
        created = await self._adapter.create(fifth, opened)
        await self._ends(fifth.name)
        assert await self._adapter.look(fifth.name, opened) == Tombstone(created.machine.id)
        assert self._slurm.jobs() == []
        assert await self._adapter.list() == ()

    async def a_dead_address_is_never_sent_and_blind(self) -> None:
        dead = adapter_for("http://192.0.2.1:46580", connect=1.0, seconds=1.0)
        began = time.monotonic()
        with pytest.raises(Blind):
            await dead.list()
        with pytest.raises(NeverSent):
            await dead.create(asking("dead"), opened)
        assert time.monotonic() - began < 20
        await dead.close()

    async def _ends(self, name: str) -> None:
        assert await self._adapter.delete(name, opened) is Deletion.ACCEPTED

        async def gone() -> bool:
            with suppress(Blind):
                return not isinstance(await self._adapter.look(name, opened), Present)
            return False

        async def ended() -> bool:
            return not any(job.startswith(name) for job in self._slurm.jobs())

        await until(f"the end of {name}", gone)
        await until(f"the end of {name}'s job: Slurm shows one for some seconds after it was cancelled", ended)


def _alike(ours: object, real: object) -> bool:
    """Whether the emulator's value is of a kind with the real one; None is of any kind."""
    numbers = isinstance(ours, int | float) and isinstance(real, int | float)
    return ours is None or real is None or numbers or type(ours) is type(real)


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> int:
    """Get what is needed, run the checks, and return the exit code."""
    try:
        require_programs()
        made = environment()
    except MissingError as error:
        say(f"test-skypilot did not run: {error}")
        return 2
    with tempfile.TemporaryDirectory(prefix="gpuwright-skypilot-") as folder:
        place = Path(folder)
        with Slurm(place / "slurm", made / "bin" / "uv") as slurm, RealServer(place / "sky", made, slurm) as server:
            say(f"SkyPilot's server is up at {server.url}")
            return 1 if asyncio.run(Play(server, slurm).all()) else 0


if __name__ == "__main__":
    os.environ.pop("SKYPILOT_USER_ID", None)
    sys.exit(main())
