"""What the stages share whose provider is a DoubleServer: the contract's troubles in the words of its faults."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, TypeVar

from tests.adapters.adapter_stage import LARGEST_BODY, AdapterStage, AdapterT
from tests.adapters.contract import Trouble, Verb, Wait
from tests.engine.manual_clock import ManualClock

from gpuwright_sandbox.doubles.answers import Answer
from gpuwright_sandbox.doubles.faults import Fault, How
from gpuwright_sandbox.doubles.server import DoubleServer

DoubleT = TypeVar("DoubleT", bound=DoubleServer[Any])

PROXY = Answer(404, b"<h1>nginx</h1>", content_type="text/html")
COMMON_FAULTS: Mapping[Trouble, Mapping[str, Any]] = {
    Trouble.LOST: {"how": How.DROP, "carried_out": False},
    Trouble.LOST_AFTER: {"how": How.DROP},
    Trouble.CLOSED_AFTER: {"how": How.CLOSE},
    Trouble.SILENT: {"how": How.HANG, "carried_out": False},
    Trouble.SILENT_AFTER: {"how": How.HANG},
    Trouble.SLOW_BODY_AFTER: {"how": How.SLOW},
    # Twice, because a read whose connection breaks is asked for once more.
    Trouble.TRUNCATED_AFTER: {"how": How.TRUNCATE, "times": 2},
    Trouble.RESET_IN_BODY_AFTER: {"how": How.RESET_IN_BODY, "times": 2},
    Trouble.PAGE: {"how": How.HTML, "carried_out": False},
    Trouble.PAGE_AFTER: {"how": How.HTML},
    Trouble.MALFORMED_AFTER: {"how": How.MALFORMED},
    Trouble.EMPTY_AFTER: {"how": How.EMPTY},
    Trouble.LIST_AFTER: {"how": How.LIST},
    Trouble.WITHOUT_ID_AFTER: {"how": How.WITHOUT_ID},
    Trouble.WRONG_TYPES_AFTER: {"how": How.WRONG_TYPES},
    Trouble.HUGE_AFTER: {"how": How.HUGE, "size": LARGEST_BODY},
    Trouble.UNKNOWN_STATE: {"how": How.UNKNOWN_STATE},
    Trouble.PROXY_PAGE: {"answer": PROXY, "carried_out": False},
    Trouble.NOT_LISTED_YET: {"how": How.WITHOUT_MACHINES},
    Trouble.NOT_FOUND_YET: {"how": How.WITHOUT_MACHINES},
    Trouble.EVERYTHING_TWICE: {"how": How.TWICE},
}
RETRY_AFTER: Mapping[Wait, Mapping[str, str]] = {
    Wait.SECONDS: {"Retry-After": "2"},
    Wait.DATE: {"Retry-After": "Sun, 22 Nov 2026 10:00:02 GMT", "Date": "Sun, 22 Nov 2026 10:00:00 GMT"},
    Wait.ABSURD: {"Retry-After": "1000000000"},
    Wait.MISSING: {},
    Wait.NONSENSE: {"Retry-After": "soon"},
}


def answered(answer: Answer, before: Trouble, after: Trouble) -> dict[Trouble, Mapping[str, Any]]:
    """Return the faults of this answer in place of the truth, where nothing was carried out and where the call was."""
    return {before: {"answer": answer, "carried_out": False}, after: {"answer": answer}}


class DoubleStage(AdapterStage[DoubleT, ManualClock, AdapterT]):
    """The part of contract.Stage that holds for every provider whose double is a DoubleServer."""

    def fault(self, *kinds: str, **fields: Any) -> None:
        """Let this go wrong with the next call of one of these kinds."""
        self.server.faults.faults.append(Fault(frozenset(kinds), **fields))

    def spoil(self, verb: Verb, trouble: Trouble) -> None:
        """See Stage."""
        match trouble:
            case Trouble.REFUSED:
                self.server.refuse(600)
            case Trouble.REDIRECTED:
                moved = Answer(307, headers={"Location": f"{self._elsewhere.url}/"})
                self.fault(self._struck(verb), answer=moved, carried_out=False)
            case _:
                self._spoil(verb, trouble)

    def throttle(self, verb: Verb, wait: Wait) -> None:
        """See Stage."""
        self.fault(self._struck(verb), answer=self._throttled(RETRY_AFTER[wait]), carried_out=False)

    @abstractmethod
    def _struck(self, verb: Verb) -> str:
        """Return the kind of the first call that the verb makes, as things stand."""

    @abstractmethod
    def _spoil(self, verb: Verb, trouble: Trouble) -> None:
        """Let any other trouble go wrong with the next such call."""

    @abstractmethod
    def _throttled(self, headers: Mapping[str, str]) -> Answer:
        """Return the provider's answer to one call too many."""
