"""What SkyPilot's answers mean: a row for each that is known, and Unknown for the rest."""

from collections.abc import Callable
from typing import Any, NoReturn

import pytest

from gpuwright.adapters.skypilot_answers import (
    Failure,
    Refusal,
    blind_of,
    failure_of,
    raise_before_create,
    raise_for_change,
    raise_for_failed_change,
    raise_for_failed_launch,
    raise_for_launch,
    refusal_of,
)
from gpuwright.http_client import Answer
from gpuwright.model.conditions import Reason
from gpuwright.model.errors import (
    NeverSent,
    NotCommitted,
    NotExecuted,
    ProviderError,
    Rejected,
    Throttled,
    Unauthenticated,
    Unknown,
)

VERSION_MISMATCH = {"error": "version_mismatch", "message": "Client and server API version mismatch"}


def raised(call: Callable[..., NoReturn], *arguments: Any, **more: Any) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        call(*arguments, **more)
    return caught.value


@pytest.mark.parametrize(
    ("body", "shaped", "message"),
    [
        ({"detail": "Invalid token"}, True, "Invalid token"),
        ({"detail": [{"loc": ["body"]}]}, True, ""),
        (VERSION_MISMATCH, True, "Client and server API version mismatch"),
        ({"message": "no such route"}, False, "no such route"),
        ("<h1>nginx</h1>", False, ""),
        (None, False, ""),
        ({"error": 7}, False, ""),
    ],
)
def test_an_answer_is_the_servers_when_it_has_its_shape(body: object, shaped: bool, message: str) -> None:
    refusal = refusal_of(Answer(400, {}, body))
    assert (refusal.shaped, refusal.message) == (shaped, message)


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        ('{"type": "NotSupportedError", "message": "no\\u001b[31m way"}', Failure("NotSupportedError", "no way")),
        ('{"object": "gASV", "type": "A", "message": "b\\n c"}', Failure("A", "b c")),
        ("null", Failure("", "")),
        ("{", Failure("", "")),
        (None, Failure("", "")),
        ({"type": 7, "message": []}, Failure("", "")),
    ],
)
def test_an_error_is_read_without_its_pickle(error: object, failure: Failure) -> None:
    assert failure_of(error) == failure


@pytest.mark.parametrize(
    ("status", "shaped", "outcome", "reason"),
    [
        (400, True, Rejected, Reason.REQUEST_REJECTED),
        (401, True, Unauthenticated, Reason.CREDENTIALS_REJECTED),
        (403, True, Rejected, Reason.CREDENTIALS_REJECTED),
        (404, True, Rejected, Reason.REQUEST_REJECTED),
        (422, True, Rejected, Reason.REQUEST_REJECTED),
        (429, False, Throttled, Reason.THROTTLED),
        (401, False, Unknown, Reason.OUTCOME_UNKNOWN),
        (404, False, Unknown, Reason.OUTCOME_UNKNOWN),
        (408, True, Unknown, Reason.OUTCOME_UNKNOWN),
        (500, True, Unknown, Reason.OUTCOME_UNKNOWN),
        (502, False, Unknown, Reason.OUTCOME_UNKNOWN),
        (503, True, Unknown, Reason.OUTCOME_UNKNOWN),
        (307, False, Unknown, Reason.OUTCOME_UNKNOWN),
        (202, False, Unknown, Reason.OUTCOME_UNKNOWN),
    ],
)
def test_a_launch_that_is_not_taken(status: int, shaped: bool, outcome: type[ProviderError], reason: Reason) -> None:
    error = raised(raise_for_launch, Refusal(status, shaped, "why"))
    assert type(error) is outcome
    assert error.reason is reason
    assert error.unhealthy is (status >= 500)
    before = raised(raise_before_create, Refusal(status, shaped, "why"))
    assert isinstance(before, NeverSent if outcome is Unknown else outcome), "nothing was sent"


@pytest.mark.parametrize(
    ("status", "outcome", "reason"),
    [
        (401, NotExecuted, Reason.CREDENTIALS_REJECTED),
        (403, NotExecuted, Reason.CREDENTIALS_REJECTED),
        (422, Rejected, Reason.REQUEST_REJECTED),
        (429, Throttled, Reason.THROTTLED),
        (500, Unknown, Reason.OUTCOME_UNKNOWN),
    ],
)
def test_a_change_that_is_not_taken(status: int, outcome: type[ProviderError], reason: Reason) -> None:
    error = raised(raise_for_change, Refusal(status, True, "why"))
    assert type(error) is outcome
    assert error.reason is reason


@pytest.mark.parametrize(
    ("kind", "message", "outcome", "reason"),
    [
        ("ResourcesUnavailableError", "no capacity in us-east-1", NotCommitted, Reason.CAPACITY_UNAVAILABLE),
        ("ResourcesUnavailableError", "Quota exceeded", NotCommitted, Reason.QUOTA_EXCEEDED),
        ("ResourcesUnavailableError", "Catalog does not contain any", Rejected, Reason.REQUEST_REJECTED),
        ("InvalidClusterNameError", "", Rejected, Reason.REQUEST_REJECTED),
        ("InvalidSkyPilotConfigError", "", Rejected, Reason.REQUEST_REJECTED),
        ("ResourcesMismatchError", "", Rejected, Reason.REQUEST_REJECTED),
        ("NotSupportedError", "", Rejected, Reason.REQUEST_REJECTED),
        ("UserRequestRejectedByPolicy", "", Rejected, Reason.REQUEST_REJECTED),
        ("ValueError", "", Rejected, Reason.REQUEST_REJECTED),
        ("NoCloudAccessError", "", Rejected, Reason.CREDENTIALS_REJECTED),
        ("PermissionDeniedError", "", Rejected, Reason.CREDENTIALS_REJECTED),
        ("RequestInterruptedError", "", Unknown, Reason.OUTCOME_UNKNOWN),
        ("ClusterSetUpError", "", Unknown, Reason.OUTCOME_UNKNOWN),
        ("CommandError", "", Unknown, Reason.OUTCOME_UNKNOWN),
        ("RuntimeError", "", Unknown, Reason.OUTCOME_UNKNOWN),
        ("", "", Unknown, Reason.OUTCOME_UNKNOWN),
    ],
)
def test_a_launch_that_failed_and_left_nothing(
    kind: str, message: str, outcome: type[ProviderError], reason: Reason
) -> None:
    error = raised(raise_for_failed_launch, Failure(kind, message), promises=True)
    assert type(error) is outcome
    assert error.reason is reason
    assert not error.unhealthy
    if outcome is NotCommitted:
        assert type(raised(raise_for_failed_launch, Failure(kind, message), promises=False)) is Unknown


@pytest.mark.parametrize(
    ("kind", "outcome", "reason"),
    [
        ("NotSupportedError", Rejected, Reason.REQUEST_REJECTED),
        ("ClusterDoesNotExist", Rejected, Reason.REQUEST_REJECTED),
        ("ResourcesUnavailableError", NotExecuted, Reason.CAPACITY_UNAVAILABLE),
        ("PermissionDeniedError", NotExecuted, Reason.CREDENTIALS_REJECTED),
        ("RuntimeError", Unknown, Reason.OUTCOME_UNKNOWN),
    ],
)
def test_a_change_that_failed(kind: str, outcome: type[ProviderError], reason: Reason) -> None:
    error = raised(raise_for_failed_change, Failure(kind, ""))
    assert type(error) is outcome
    assert error.reason is reason


@pytest.mark.parametrize(
    ("status", "rejected", "unhealthy"),
    [(401, True, False), (403, True, False), (429, False, False), (503, False, True)],
)
def test_a_read_that_is_refused(status: int, rejected: bool, unhealthy: bool) -> None:
    blind = blind_of(Refusal(status, True, "why", 7.0))
    assert (blind.rejected, blind.unhealthy) == (rejected, unhealthy)
    assert blind.retry_after == (7.0 if status == 429 else None)
