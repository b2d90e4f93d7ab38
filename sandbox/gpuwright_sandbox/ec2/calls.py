"""What the shim is asked: one call of EC2's query protocol."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import parse_qsl, urlencode

NAME_TAG = "tag:gpuwright.dev/name"
FROM_THE_START = "from-the-start"  # a token of the shim's own, after a page that held nothing


class Kind(StrEnum):
    """The kinds of calls that can be spoiled."""

    CREATE = "create"
    LIST = "list"
    LOOK = "look"
    FIND = "find"  # a look for what can still be ended, which comes before a terminate
    TERMINATE = "terminate"
    POWER = "power"
    OTHER = "other"


_KINDS = {
    "RunInstances": Kind.CREATE,
    "TerminateInstances": Kind.TERMINATE,
    "StartInstances": Kind.POWER,
    "StopInstances": Kind.POWER,
}


@dataclass(frozen=True, slots=True)
class Call:
    """One call."""

    action: str
    fields: Mapping[str, str]
    headers: Mapping[str, str]

    @property
    def kind(self) -> Kind:
        """What kind of call it is; a direct look is told from a list by its filters."""
        if self.action != "DescribeInstances":
            return _KINDS.get(self.action, Kind.OTHER)
        filters = self.filters()
        if "instance-state-name" in filters:
            return Kind.FIND
        return Kind.LOOK if NAME_TAG in filters or "instance-id" in filters else Kind.LIST

    @property
    def page(self) -> int:
        """Which page of a list is asked for: 1, or 2 for any after it."""
        return 2 if self.fields.get("NextToken") else 1

    @property
    def ids(self) -> tuple[str, ...]:
        """The instances that it names."""
        return tuple(value for key, value in self.fields.items() if key.startswith("InstanceId."))

    def filters(self) -> dict[str, tuple[str, ...]]:
        """Return the filters by their names."""
        found: dict[str, tuple[str, ...]] = {}
        for number in range(1, 1 + sum(key.startswith("Filter.") for key in self.fields)):
            name = self.fields.get(f"Filter.{number}.Name")
            if name is not None:
                prefix = f"Filter.{number}.Value."
                found[name] = tuple(value for key, value in self.fields.items() if key.startswith(prefix))
        return found

    def body(self, page_size: int) -> bytes:
        """Return what moto is asked: without the filter that the shim applies itself, and with pages of this size."""
        fields = {key: value for key, value in self.fields.items() if key != "ClientToken" and value != FROM_THE_START}
        for number in range(1, 10):
            if fields.get(f"Filter.{number}.Name") == "instance-state-name":
                fields = {key: value for key, value in fields.items() if not key.startswith(f"Filter.{number}.")}
        if page_size and self.kind is Kind.LIST:
            fields["MaxResults"] = str(page_size)
        return urlencode(fields).encode()


def read_call(body: bytes, headers: Mapping[str, str]) -> Call:
    """Return the call that a body of form fields is."""
    fields = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    return Call(fields.get("Action", ""), fields, headers)
