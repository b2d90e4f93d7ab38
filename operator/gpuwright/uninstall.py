"""`gpuwright check-uninstall`: whether anything still needs the operator. The chart asks it before it takes it away."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gpuwright.kube.client import Forbidden, KubeClient, NotFound
from gpuwright.model.names import FINALIZER_IN_USE, FINALIZER_MACHINE
from gpuwright.model.resources import CLUSTER_PROVIDERS, INSTANCES, OURS, PROVIDERS, Resource, key_of

COMMAND = "check-uninstall"
REPORT_ONLY = "--report-only"  # say what stays behind, and let it
NAMED = 20  # of each kind; a longer list is cut with a count
PATIENCE_SECONDS = 120.0  # a provider is let go a minute after its last instance
GLANCE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Remains:
    """What an uninstall would leave behind, each thing as words for people.

    Attributes:
        instances: have a machine, or may have one, that nothing but the operator ends.
        providers: carry our finalizer: nothing but the operator takes it off.
        retained: machines that were kept on purpose; they bill, and the operator was never to end them.
    """

    instances: tuple[str, ...]
    providers: tuple[str, ...]
    retained: tuple[str, ...]

    def refusal(self) -> str:
        """Return why the operator is still needed, and what to do; empty where it is not."""
        if self.instances:
            return (
                f"not uninstalled: {_named(self.instances, 'ComputeInstance')} may have a machine that bills and that "
                "only this operator ends. Delete them, wait until they are gone (kubectl delete gwi) and try again; "
                "or leave them as they are, machines and bills included: set uninstall.whileMachinesLive=Allow"
            )
        if self.providers:
            return (
                f"not uninstalled: {_named(self.providers, 'provider')} still carry the finalizer {FINALIZER_IN_USE}, "
                "which the operator takes off about a minute after the last ComputeInstance is gone: try again then, "
                "and read the operator's log if it stays"
            )
        return ""

    def left(self) -> str:
        """Return what stays behind and may bill, or empty where nothing does."""
        parts = []
        if self.instances:
            parts.append(f"{_named(self.instances, 'ComputeInstance')}, whose machines run on and bill")
        if self.providers:
            parts.append(f"{_named(self.providers, 'provider')} with a finalizer that nobody takes off")
        if self.retained:
            parts.append(f"{_named(self.retained, 'retained machine')}, kept on purpose by deletionPolicy Retain")
        return f"left behind: {'; '.join(parts)}" if parts else ""


async def look(client: KubeClient, namespaces: Sequence[str]) -> Remains:
    """Return what is there now, in these namespaces or in all. CRDs that are gone leave nothing. Raises ApiError."""
    instances: list[str] = []
    providers: list[str] = []
    retained: list[str] = []
    for resource in OURS:
        async for body in _objects(client, resource, namespaces):
            finalizers = body["metadata"].get("finalizers") or ()
            if resource is INSTANCES and FINALIZER_MACHINE in finalizers:
                instances.append(_instance_words(body))
            if resource in {PROVIDERS, CLUSTER_PROVIDERS}:
                name = str(key_of(resource.kind, body))
                providers += [name] if FINALIZER_IN_USE in finalizers else []
                entries = (body.get("status") or {}).get("retained") or ()
                retained += [f"{entry.get('id') or entry.get('name')} at {name}" for entry in entries]
    return Remains(tuple(instances), tuple(providers), tuple(retained))


async def check(client: KubeClient, namespaces: Sequence[str], *, report_only: bool) -> tuple[int, str]:
    """Return the exit code, 1 while the operator is needed, and the sentence to print. Raises ApiError.

    Providers alone are waited for: they are let go a minute after their last instance, and people uninstall at once.
    """
    remains = await look(client, namespaces)
    waited = 0.0
    while not report_only and remains.providers and not remains.instances and waited < PATIENCE_SECONDS:
        await asyncio.sleep(GLANCE_SECONDS)
        waited += GLANCE_SECONDS
        remains = await look(client, namespaces)
    if not report_only and (words := remains.refusal()):
        return 1, words
    return 0, remains.left() or "nothing is left behind"


async def _objects(
    client: KubeClient, resource: Resource, namespaces: Sequence[str]
) -> AsyncIterator[Mapping[str, Any]]:
    try:
        async for page in client.pages_within(resource, namespaces):
            for body in page:
                yield body
    except NotFound:
        return
    except Forbidden:
        # Namespaced mode has no right on cluster-scoped objects, and no finalizer of ours is on any of them.
        if resource is not CLUSTER_PROVIDERS or not namespaces:
            raise


def _instance_words(body: Mapping[str, Any]) -> str:
    machine = (body.get("status") or {}).get("machine") or {}
    name = str(key_of(INSTANCES.kind, body))
    return f"{name} (machine {machine['id']})" if machine.get("id") else name


def _named(names: Sequence[str], kind: str) -> str:
    shown = ", ".join(names[:NAMED])
    rest = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{len(names)} {kind}{'' if len(names) == 1 else 's'} ({shown}{rest})"
