"""Errors are split by what happens next."""

import pytest

from gpuwright.model.conditions import Reason
from gpuwright.model.errors import (
    Blind,
    NeverSent,
    NotCommitted,
    NotExecuted,
    ProviderError,
    Rejected,
    Throttled,
    TooDear,
    Unknown,
)


@pytest.mark.parametrize(
    ("error", "reason", "unhealthy"),
    [
        pytest.param(Unknown("lost"), Reason.OUTCOME_UNKNOWN, False, id="unknown"),
        pytest.param(NotCommitted("no"), Reason.PLACEMENT_FAILED, False, id="not committed"),
        pytest.param(NeverSent("refused"), Reason.PROVIDER_UNREACHABLE, True, id="never sent"),
        pytest.param(Throttled("slow down", 2.0), Reason.THROTTLED, False, id="throttled"),
        pytest.param(TooDear("3.50"), Reason.PRICE_TOO_HIGH, False, id="too dear"),
        pytest.param(Rejected("bad", Reason.REQUEST_REJECTED), Reason.REQUEST_REJECTED, False, id="rejected"),
    ],
)
def test_each_says_why_and_whether_the_provider_is_sick(error: ProviderError, reason: Reason, unhealthy: bool) -> None:
    assert (error.reason, error.unhealthy, str(error)) == (reason, unhealthy, error.message)


@pytest.mark.parametrize("kind", [NeverSent, Throttled, TooDear, Rejected])
def test_what_did_not_happen_is_never_taken_for_a_promise(kind: type[ProviderError]) -> None:
    assert issubclass(kind, NotExecuted)
    assert not issubclass(kind, NotCommitted | Unknown)


def test_a_blind_look_is_no_outcome_of_a_call() -> None:
    assert not issubclass(Blind, ProviderError)
    assert not Blind("timed out").rejected
