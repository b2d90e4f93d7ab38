"""What EC2 says of instances, translated: states, tags, addresses, and what stands for "gone"."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from gpuwright.model.conditions import cut, timestamp
from gpuwright.model.errors import Blind
from gpuwright.model.machine import Absent, Machine, MachineState, Present, Sighting, Tombstone

TAG_NAME = "gpuwright.dev/name"
"""Not the tag Name: that one is for people, who may change it."""

STATES: Mapping[str, MachineState] = {
    "pending": MachineState.PROVISIONING,
    "running": MachineState.RUNNING,
    "stopping": MachineState.STOPPING,
    "stopped": MachineState.STOPPED,
    "shutting-down": MachineState.DELETING,
    "terminated": MachineState.GONE,
}
PREEMPTED = frozenset({"Server.SpotInstanceTermination", "Server.SpotInstanceShutdown"})
"""Reasons that EC2 gives for what it has taken away itself (EC2 API reference, StateReason)."""

_ID = re.compile(r"i-([0-9a-f]{8}|[0-9a-f]{17})")
_ADDRESSES = (
    ("InternalIP", "PrivateIpAddress"),
    ("ExternalIP", "PublicIpAddress"),
    ("InternalDNS", "PrivateDnsName"),
    ("ExternalDNS", "PublicDnsName"),
)


def is_id(name: str) -> bool:
    """Return whether a machine goes by its id, because it was made without a name of ours."""
    return _ID.fullmatch(name) is not None


def instances_in(page: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the instances of an answer to DescribeInstances. Raises Blind where it is none."""
    reservations = page.get("Reservations")
    if not isinstance(reservations, list):
        raise Blind("EC2 answered with something that is no list of instances")
    return [instance for reservation in reservations for instance in reservation.get("Instances") or ()]


def machine_of(instance: Mapping[str, Any], region: str) -> Machine:
    """Return the machine that EC2 describes. Raises Blind where it is none."""
    identity = instance.get("InstanceId")
    if not isinstance(identity, str) or not identity:
        raise Blind("EC2's list holds something that is no instance")
    tags = {str(tag.get("Key", "")): str(tag.get("Value", "")) for tag in instance.get("Tags") or ()}
    word = str((instance.get("State") or {}).get("Name", ""))
    return Machine(
        id=identity,
        name=tags.get(TAG_NAME) or identity,
        state=_state(word, instance),
        word=cut(word, 1000),
        labels={key: value for key, value in tags.items() if key != TAG_NAME},
        addresses=_addresses(instance),
        region=region,
        zone=str((instance.get("Placement") or {}).get("AvailabilityZone", "")),
        instance_type=str(instance.get("InstanceType", "")),
        purchase="Spot" if instance.get("InstanceLifecycle") == "spot" else "OnDemand",
        created=_created(instance),
    )


def _created(instance: Mapping[str, Any]) -> str:
    """Return when the instance was first launched.

    LaunchTime is when it was last launched; its primary network interface was attached when it was first (botocore's
    model of EC2, 1.44). One that has terminated has no interface any more.
    """
    attachments = [interface.get("Attachment") or {} for interface in instance.get("NetworkInterfaces") or ()]
    attached = [found.get("AttachTime") for found in attachments if found.get("DeviceIndex") == 0]
    moments = (moment for moment in (*attached, instance.get("LaunchTime")) if isinstance(moment, datetime))
    return next((timestamp(moment.astimezone(UTC)) for moment in moments), "")


def _state(word: str, instance: Mapping[str, Any]) -> MachineState:
    state = STATES.get(word, MachineState.UNKNOWN)
    reason = (instance.get("StateReason") or {}).get("Code")
    return MachineState.PREEMPTED if state is MachineState.GONE and reason in PREEMPTED else state


def _addresses(instance: Mapping[str, Any]) -> tuple[Mapping[str, str], ...]:
    found = [(kind, instance.get(field)) for kind, field in _ADDRESSES]
    found += [("ExternalIP", instance.get("Ipv6Address"))]
    return tuple(
        {"type": kind, "address": cut(value, 253)} for kind, value in found if isinstance(value, str) and value
    )


def shown(machines: Iterable[Machine]) -> tuple[Machine, ...]:
    """Return what a list shows: EC2 keeps terminated ones for about an hour, and those are gone.

    What it has taken away itself is shown as long as it is kept: that is how people learn why.
    """
    return tuple(machine for machine in machines if machine.state is not MachineState.GONE)


def sighting_of(machines: Iterable[Machine]) -> Sighting:
    """Return what one look at a name showed. The oldest that lives counts; names are unique by their hash only."""
    oldest_first = sorted(machines, key=lambda machine: (machine.created, machine.id))
    for machine in oldest_first:
        if machine.alive:
            return Present(machine)
    for machine in reversed(oldest_first):
        return Tombstone(machine.id) if machine.state is MachineState.GONE else Present(machine)
    return Absent()
