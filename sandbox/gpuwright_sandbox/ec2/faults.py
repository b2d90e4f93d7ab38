"""What can be wrong with the instances in an answer."""

from collections.abc import Callable, Mapping
from xml.etree import ElementTree as ET

from gpuwright_sandbox.doubles.answers import Answer
from gpuwright_sandbox.doubles.faults import How
from gpuwright_sandbox.ec2.answers import Instances, drop, put, put_state
from gpuwright_sandbox.ec2.calls import FROM_THE_START


def edited(answer: Answer, how: How) -> Answer:
    """Return a truthful answer with something wrong in its instances."""
    found = Instances(answer)
    edit = _ITEMS.get(how)
    if edit is not None:
        for item in found.items():
            edit(item)
    elif how is How.WITHOUT_MACHINES:
        found.keep(lambda _item: False)
    elif how is How.ALL_ON_THE_NEXT_PAGE:
        found.keep(lambda _item: False)
        found.go_on(FROM_THE_START)
    elif how is How.TWICE:
        found.double()
    return found.answer()


def _wrong_types(item: ET.Element) -> None:
    put(item, "launchTime", "yesterday")


_ITEMS: Mapping[How, Callable[[ET.Element], None]] = {
    How.WITHOUT_ID: lambda item: drop(item, "instanceId"),
    How.WRONG_TYPES: _wrong_types,
    How.UNKNOWN_STATE: lambda item: put_state(item, "hibernating"),
}
