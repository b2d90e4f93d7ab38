"""Reading a gateway's lists: every page in full and well-formed, or nothing."""

from collections.abc import Mapping
from typing import Any, NoReturn

from gpuwright.adapters.gateway_answers import machine_of, refusal_of
from gpuwright.http_client import Answer
from gpuwright.model.errors import Blind
from gpuwright.model.machine import Machine


class KnownMachines:
    """Machines as they were listed last, so that one whose representation has not changed is not read again."""

    def __init__(self) -> None:
        self._machines: dict[str, tuple[Any, Machine]] = {}
        self._used: dict[str, tuple[Any, Machine]] = {}

    def machine(self, body: Any) -> Machine | None:
        """Return the machine that an item of a list describes; None where it is none."""
        key = str(body.get("id")) if isinstance(body, Mapping) else ""
        entry = self._machines.get(key)
        if entry is None or entry[0] != body:
            machine = machine_of(body)
            if machine is None:
                return None
            entry = (body, machine)
        self._used[key] = entry
        return entry[1]

    def forget_the_rest(self) -> None:
        """Forget what the list that has just ended did not show."""
        self._machines, self._used = self._used, {}


def page_of(answer: Answer, known: KnownMachines) -> tuple[list[Machine], str]:
    """Return the machines of one page and the cursor of the next, empty at the end. Raises Blind."""
    body = answer.json
    if answer.status != 200 or not isinstance(body, Mapping) or not isinstance(body.get("items"), list):
        raise_blind(answer)
    machines = [known.machine(item) for item in body["items"]]
    cursor = body.get("next_cursor")
    whole = [machine for machine in machines if machine is not None]
    if len(whole) != len(machines) or not isinstance(cursor, str):
        raise Blind("the gateway's list holds something that is no machine")
    return whole, cursor


def raise_blind(answer: Answer) -> NoReturn:
    """Raise Blind for an answer to a read that is not what was asked for."""
    refusal = refusal_of(answer)
    raise Blind(
        f"the gateway answered {answer.status}: {refusal.message}",
        rejected=answer.status in {401, 403},
        unhealthy=answer.status >= 500,
        retry_after=refusal.retry_after if answer.status == 429 else None,
    )
