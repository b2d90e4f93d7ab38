"""Tokens as EC2's guide describes them."""

from gpuwright_sandbox.doubles.answers import Answer
from gpuwright_sandbox.ec2.calls import Call
from gpuwright_sandbox.ec2.fates import Fates, Pace
from gpuwright_sandbox.ec2.tokens import Tokens

MADE = Answer(200, b"<RunInstancesResponse/>")


def a_call(token: str, kind: str = "g5.xlarge") -> Call:
    return Call("RunInstances", {"ClientToken": token, "InstanceType": kind}, {})


def known() -> tuple[Tokens, Fates]:
    tokens, fates = Tokens(), Fates(Pace(), lambda: 0.0)
    fates.born(["i-1"])
    tokens.keep(a_call("t"), MADE, ["i-1"])
    return tokens, fates


def test_a_token_is_answered_with_the_same_machine() -> None:
    tokens, fates = known()
    assert tokens.answer(a_call("t"), fates) == MADE
    assert tokens.answer(a_call("other"), fates) is None
    assert tokens.answer(Call("RunInstances", {}, {}), fates) is None


def test_a_token_with_other_parameters_is_refused() -> None:
    tokens, fates = known()
    answer = tokens.answer(a_call("t", "p5.48xlarge"), fates)
    assert answer is not None
    assert b"IdempotentParameterMismatch" in answer.body


def test_a_token_whose_machine_has_terminated_makes_no_other() -> None:
    tokens, fates = known()
    fates.changed("TerminateInstances", ["i-1"])
    answer = tokens.answer(a_call("t"), fates)
    assert answer is not None
    assert b"IdempotentInstanceTerminated" in answer.body
