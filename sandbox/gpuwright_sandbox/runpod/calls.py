"""What the double is asked: which operation of RunPod's it is, and what it carries."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import orjson

from gpuwright_sandbox.runpod.schemas import LeftTheSchema, Operation, operations


@dataclass(frozen=True, slots=True)
class Call:
    """One call. `pod` is the id in its path, `body` what it carries; None where there is none."""

    page: ClassVar[int] = 1  # lists have one page only

    operation: Operation
    pod: str
    body: Any
    headers: Mapping[str, str]

    @property
    def kind(self) -> str:
        """The id of its operation, such as createPod."""
        return self.operation.id


def read_call(method: str, path: str, query: Mapping[str, str], content: bytes, headers: Mapping[str, str]) -> Call:
    """Return the call. Raises LeftTheSchema where RunPod knows no such call, or no such parameter."""
    for operation in operations().values():
        pattern = re.escape(operation.path).replace(r"\{id\}", "(?P<pod>[^/]+)")
        found = re.fullmatch(pattern, path)
        if found is None or operation.method != method:
            continue
        strange = sorted(set(query) - operation.query)
        if strange:
            raise LeftTheSchema(f"{operation.id} has no parameter {', '.join(strange)}")
        return Call(operation, found.groupdict().get("pod", ""), _json(content), headers)
    raise LeftTheSchema(f"RunPod has no {method} {path}")


def _json(content: bytes) -> Any:
    if not content:
        return None
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise LeftTheSchema(f"the body is no JSON: {error}") from error
