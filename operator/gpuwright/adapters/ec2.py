"""Amazon EC2 (docs/providers/ec2.md).

A repeated RunInstances with the same ClientToken is answered with the same machine. Names are tags: nothing but their
hash makes them unique, and lists may be minutes late.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, NoReturn

from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from gpuwright.adapters.contract import Created, Deletion, Gate, NotAsked
from gpuwright.adapters.ec2_access import Ec2Access
from gpuwright.adapters.ec2_answers import (
    NOT_FOUND,
    Refusal,
    raise_before_create,
    raise_blind,
    raise_for_create,
    raise_for_delete,
    raise_for_power,
)
from gpuwright.adapters.ec2_catalogue import Catalogue
from gpuwright.adapters.ec2_machines import TAG_NAME, instances_in, is_id, machine_of, shown, sighting_of
from gpuwright.adapters.ec2_request import check, image_wanted, parameters
from gpuwright.adapters.ec2_wire import Refused, Unreadable
from gpuwright.http_client import CallFailed, Interrupted, NotSent, Unasked
from gpuwright.model.capabilities import Capabilities, CreateKey, PriceCeiling
from gpuwright.model.conditions import Reason
from gpuwright.model.ec2_spec import Ec2Defaults, Ec2Spec
from gpuwright.model.errors import Blind, EndpointRefused, NeverSent, Rejected, Unknown
from gpuwright.model.machine import Machine, Sighting
from gpuwright.model.names import LABEL_CLUSTER
from gpuwright.model.request import MachineRequest

PAGE = 1000  # instances a page, EC2's own limit
MAX_PAGES = 1000
LIMITS = "a machine whose tags gpuwright.dev/... somebody takes off at EC2 is not found any more"
_Ask = Callable[[Mapping[str, Any]], Awaitable[Any]]
_ENDABLE = ["pending", "running", "shutting-down", "stopping", "stopped"]


class Ec2:
    """The adapter for one region and one set of credentials."""

    def __init__(self, spec: Ec2Spec, access: Ec2Access, cluster: str, *, promises: bool) -> None:
        self._region = spec.region
        self._defaults = spec.defaults or Ec2Defaults()
        self._access = access
        self._cluster = cluster
        self._promises = promises
        self._catalogue = Catalogue(self._prepare)

    @property
    def capabilities(self) -> Capabilities:
        """Return what EC2 can do."""
        return Capabilities(
            create_key=CreateKey.TOKEN,
            ends_by_id=True,
            reads=True,
            power=True,
            spot=True,
            node_join=True,
            user_data="CloudInit",
            price_ceiling=PriceCeiling.SPOT,
            limits=LIMITS,
        )

    async def create(self, request: MachineRequest, gate: Gate) -> Created:
        """Return the machine; see Adapter.create. One RunInstances, never repeated here."""
        wanted = request.wishes.machine
        check(wanted, self._region)
        image = await self._catalogue.image(image_wanted(wanted, self._defaults), gate)
        instance_type = wanted.instance_type or await self._catalogue.type_for(wanted, image.architecture, gate)
        body = parameters(request, image, instance_type, self._defaults)

        def refused(refusal: Refusal) -> NoReturn:
            raise_for_create(refusal, resent=request.resent, promises=self._promises)

        answer = await self._send("run_instances", body, gate, refused, own=True)
        return Created(self._made(answer, request))

    def _made(self, answer: Mapping[str, Any], request: MachineRequest) -> Machine:
        instances = answer.get("Instances") or ()
        try:
            (machine,) = [machine_of(instance, self._region) for instance in instances]
        except (Blind, ValueError) as error:
            raise Unknown("EC2 answered a create with something that is not one instance") from error
        if machine.owner_uid not in {"", request.owner.uid}:
            raise Unknown(f"EC2 answered a create with machine {machine.id}, which is another owner's")
        return replace(machine, name=request.name)

    async def list(self) -> tuple[Machine, ...]:
        """Return all machines of this cluster; see Adapter.list."""
        return shown(await self._paged(self._read, self._query()))

    async def look(self, name: str, gate: Gate) -> Sighting:  # noqa: ARG002 - a look is a read here
        """Return what is there under the name; see Adapter.look."""
        return sighting_of(await self._paged(self._read, self._query(name)))

    async def delete(self, name: str, gate: Gate) -> Deletion:
        """Ask for the end of what is there under the name; see Adapter.delete."""
        found = await self._find(name, gate, raise_for_delete)
        if not found:
            return Deletion.NOT_FOUND
        try:
            await self._send("terminate_instances", {"InstanceIds": [*found]}, gate, _raise_unless_gone)
        except _Gone:
            return Deletion.NOT_FOUND
        return Deletion.ACCEPTED

    async def power(self, name: str, *, on: bool, gate: Gate) -> None:
        """Start or stop the machine; see Adapter.power."""
        found = await self._find(name, gate, raise_for_power)
        if not found:
            raise Rejected(f"EC2 has no machine {name}", Reason.REQUEST_REJECTED)
        verb = "start_instances" if on else "stop_instances"
        await self._send(verb, {"InstanceIds": [*found]}, gate, raise_for_power, own=True)

    async def probe(self) -> None:
        """Return when EC2 answers and takes our credentials; see Adapter.probe."""
        instances_in(await self._read({"Filters": [_is(f"tag:{LABEL_CLUSTER}", "probe")], "MaxResults": 5}))

    async def close(self) -> None:
        """Close the connections."""
        await self._access.close()

    async def _paged(self, ask: _Ask, query: Mapping[str, Any]) -> tuple[Machine, ...]:
        """Return the machines of all pages of a DescribeInstances.

        A page of what is filtered may be short or empty, and have a token all the same: EC2 has told all only where the
        token is null (NextToken in botocore's model of DescribeInstances, 1.44). Raises Blind where they do not end.
        """
        machines: list[Machine] = []
        seen = {""}
        more: dict[str, str] = {}
        for _page in range(MAX_PAGES):
            page = await ask({**query, **more})
            machines.extend(machine_of(instance, self._region) for instance in instances_in(page))
            token = page.get("NextToken")
            if not token:
                return tuple(machines)
            if token in seen:
                break
            seen.add(token)
            more = {"NextToken": token}
        raise Blind("EC2's list of machines does not end")

    def _query(self, name: str = "") -> dict[str, Any]:
        """Return the parameters of a DescribeInstances: of this cluster's machines, or of those under one name."""
        filters = [_is(f"tag:{LABEL_CLUSTER}", self._cluster)]
        if name:
            filters.append(_is("instance-id" if is_id(name) else f"tag:{TAG_NAME}", name))
        return {"Filters": filters, "MaxResults": PAGE}

    async def _find(self, name: str, gate: Gate, refused: Callable[[Refusal], NoReturn]) -> tuple[str, ...]:
        """Return the ids of what can still be ended under the name."""
        query = self._query(name)
        query["Filters"].append({"Name": "instance-state-name", "Values": _ENDABLE})

        async def ask(page: Mapping[str, Any]) -> Any:
            return await self._send("describe_instances", page, gate, refused)

        try:
            return tuple(machine.id for machine in await self._paged(ask, query))
        except Blind as error:
            raise Unknown(error.message) from error

    async def _send(
        self,
        operation: str,
        body: Mapping[str, Any],
        gate: Gate,
        refused: Callable[[Refusal], NoReturn],
        *,
        own: bool = False,
    ) -> Any:
        """Call once; what goes wrong is told as an outcome."""
        try:
            return await self._access.call(operation, body, gate, own=own)
        except Unasked as error:
            raise NotAsked(str(error)) from error
        except (NotSent, EndpointRefused) as error:
            raise NeverSent(str(error)) from error
        except Interrupted as error:
            raise Unknown(f"no answer to {operation}: {error}", unhealthy=True) from error
        except Unreadable as error:
            raise Unknown(str(error), unhealthy=error.status >= 500) from error
        except Refused as error:
            refused(error.refusal)

    async def _prepare(self, operation: str, body: Mapping[str, Any], gate: Gate) -> Any:
        """Read something that a create needs first: whatever goes wrong here, nothing was made."""
        try:
            return await self._access.call(operation, body, gate)
        except Unasked as error:
            raise NotAsked(str(error)) from error
        except (CallFailed, EndpointRefused, Unreadable) as error:
            raise NeverSent(f"{operation}: {error}") from error
        except Refused as error:
            raise_before_create(error.refusal)

    async def _read(self, query: Mapping[str, Any]) -> Any:
        """Read, and once more after a connection that broke: a kept-alive one may have been closed under us."""
        attempts = AsyncRetrying(
            stop=stop_after_attempt(2),
            wait=wait_random_exponential(multiplier=0.1, max=1),
            retry=retry_if_exception(lambda error: isinstance(error, Interrupted) and not error.timed_out),
            reraise=True,
        )
        try:
            async for attempt in attempts:
                with attempt:
                    return await self._access.call("describe_instances", query, lambda: True)
        except (CallFailed, EndpointRefused) as error:
            raise Blind(str(error), forbidden=isinstance(error, EndpointRefused), unhealthy=True) from error
        except Unreadable as error:
            raise Blind(str(error), unhealthy=error.status >= 500) from error
        except Refused as error:
            raise_blind(error.refusal)
        raise AssertionError("tenacity ends by a result or an exception")


class _Gone(Exception):
    """EC2 knows no such instance any more."""


def _raise_unless_gone(refusal: Refusal) -> NoReturn:
    if refusal.code in NOT_FOUND:
        raise _Gone
    raise_for_delete(refusal)


def _is(name: str, value: str) -> dict[str, Any]:
    return {"Name": name, "Values": [value]}
