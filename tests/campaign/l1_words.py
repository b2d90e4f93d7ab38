"""What an adapter of L1 says, as the trace has it, and what it says where its credentials are refused."""

from tests.campaign.answers import shown

from gpuwright.adapters.contract import Created, Deletion
from gpuwright.model.conditions import Reason
from gpuwright.model.errors import Blind, NotExecuted, ProviderError, Unauthenticated, Unknown
from gpuwright.model.machine import Absent, Present, Tombstone


def wire_verb(verb: str, reads: bool) -> str:
    """Return what leaves for the provider: where nothing can be read a look is a delete."""
    return "delete" if verb == "look" and not reads else verb


def refusal(verb: str) -> ProviderError | Blind:
    """Return what an adapter says of a 401."""
    if verb == "create":
        return Unauthenticated("401")
    return (
        NotExecuted("401", Reason.CREDENTIALS_REJECTED) if verb in {"delete", "power"} else Blind("401", rejected=True)
    )


_WORDS = {
    "NotCommitted": "not_committed",
    "NeverSent": "never_sent",
    "Throttled": "throttled",
    "Rejected": "rejected",
    "Unauthenticated": "rejected",
    "NotExecuted": "not_executed",
    "Blind": "blind",
}


def word_of(error: Exception) -> str:
    """Return the word of answers.py for an error."""
    if isinstance(error, Unknown) and error.conflict:
        return "conflict"
    return _WORDS.get(type(error).__name__, "unknown")


def words_of(result: object) -> str:
    """Return the words of answers.py for what a call has returned."""
    match result:
        case Created(machine, adopted):
            return f"{'adopted' if adopted else 'created'} {machine.id}"
        case Present(machine):
            return f"present {shown([machine])}"
        case Tombstone(machine_id):
            return f"tombstone {machine_id}"
        case Absent():
            return "absent"
        case Deletion.NOT_FOUND:
            return "not_found"
        case Deletion.ACCEPTED:
            return "accepted"
        case tuple():
            return f"listed {shown(result)}".strip()
        case _:
            return "ok"
