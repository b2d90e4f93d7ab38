"""Idempotency tokens, as EC2's guide describes them: moto keeps them, and does not heed them."""

from gpuwright_sandbox.doubles.answers import Answer
from gpuwright_sandbox.ec2.answers import error
from gpuwright_sandbox.ec2.calls import Call
from gpuwright_sandbox.ec2.fates import Fates


class Tokens:
    """The creates that were answered."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[dict[str, str], Answer, list[str]]] = {}

    def answer(self, call: Call, fates: Fates) -> Answer | None:
        """Return what a create is answered with whose token is known; None for a new one."""
        known = self._known.get(call.fields.get("ClientToken", ""))
        if known is None:
            return None
        fields, answer, made = known
        if fields != dict(call.fields):
            return error(
                400,
                "IdempotentParameterMismatch",
                "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).",
            )
        if any(fates.is_ended(identity) for identity in made):
            return error(400, "IdempotentInstanceTerminated", "The instance of this token has been terminated.")
        return answer

    def keep(self, call: Call, answer: Answer, made: list[str]) -> None:
        """Remember what a create was answered with."""
        if token := call.fields.get("ClientToken"):
            self._known[token] = (dict(call.fields), answer, made)
