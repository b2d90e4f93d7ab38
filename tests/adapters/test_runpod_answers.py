"""What each of RunPod's answers means: a row of docs/providers/runpod.md, a case here."""

from collections.abc import Callable
from typing import Any, NoReturn

import pytest

from gpuwright.adapters.runpod_answers import (
    Meaning,
    Refusal,
    raise_before_create,
    raise_blind,
    raise_for_create,
    raise_for_delete,
    raise_for_start,
    raise_for_stop,
    refusal_of,
)
from gpuwright.http_client import Answer
from gpuwright.model.conditions import Reason
from gpuwright.model.errors import (
    Blind,
    CannotStart,
    NotCommitted,
    NotExecuted,
    ProviderError,
    Rejected,
    Throttled,
    Unauthenticated,
    Unknown,
)

NO_ROOM = "create pod: There are no instances currently available"
HOST_FULL = "There are not enough free GPUs on the host machine to start this pod."


def refusal(status: int, detail: str = "as it is", *, shaped: bool = True, after: float | None = None) -> Refusal:
    return Refusal(status, shaped, detail, after)


def of_create(found: Refusal, *, promises: bool = True, believed: bool = False, others: bool = False) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        raise_for_create(found, promises=promises, believed=believed, others=others)
    return caught.value


@pytest.mark.parametrize(
    ("found", "error", "reason"),
    [
        (refusal(400, NO_ROOM), NotCommitted, Reason.CAPACITY_UNAVAILABLE),
        (refusal(400, "This machine does not have the resources to deploy"), NotCommitted, Reason.CAPACITY_UNAVAILABLE),
        (refusal(400, "words of no meaning"), NotCommitted, Reason.CAPACITY_UNAVAILABLE),
        (refusal(400, "Your account balance is too low"), NotCommitted, Reason.QUOTA_EXCEEDED),
        (refusal(400, "disk must be at most 20"), Rejected, Reason.REQUEST_REJECTED),
        (refusal(402), NotCommitted, Reason.QUOTA_EXCEEDED),
        (refusal(401), Unauthenticated, Reason.CREDENTIALS_REJECTED),
        (refusal(403), Rejected, Reason.CREDENTIALS_REJECTED),
        (refusal(404), Rejected, Reason.REQUEST_REJECTED),
        (refusal(422), Rejected, Reason.REQUEST_REJECTED),
        (refusal(429), Throttled, Reason.THROTTLED),
        (refusal(405), Unknown, Reason.OUTCOME_UNKNOWN),
        (refusal(408), Unknown, Reason.OUTCOME_UNKNOWN),
        (refusal(409), Unknown, Reason.OUTCOME_UNKNOWN),
        (refusal(500, NO_ROOM), Unknown, Reason.OUTCOME_UNKNOWN),
        (refusal(503), Unknown, Reason.OUTCOME_UNKNOWN),
        (refusal(302), Unknown, Reason.OUTCOME_UNKNOWN),
    ],
    ids=lambda value: f"{value.status} {value.detail[:12]}" if isinstance(value, Refusal) else None,
)
def test_a_create_that_was_not_confirmed(found: Refusal, error: type[ProviderError], reason: Reason) -> None:
    raised = of_create(found)
    assert type(raised) is error
    assert raised.reason is reason
    assert raised.unhealthy is (found.status >= 500)


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 422])
def test_a_page_of_something_in_between_is_unknown(status: int) -> None:
    assert type(of_create(refusal(status, NO_ROOM, shaped=False))) is Unknown


def test_words_of_no_meaning_are_about_the_request_once_they_are_believed() -> None:
    assert type(of_create(refusal(400, "words of no meaning"), believed=True)) is Rejected
    assert type(of_create(refusal(400, NO_ROOM), believed=True)) is NotCommitted


def test_a_pool_that_is_closed_to_us_made_nothing_where_another_gpu_is_left() -> None:
    found = of_create(refusal(403), others=True)
    assert type(found) is NotCommitted
    assert found.reason is Reason.PLACEMENT_FAILED
    assert type(of_create(refusal(403), others=True, promises=False)) is Unknown
    assert type(of_create(refusal(403, shaped=False), others=True)) is Unknown
    assert type(of_create(refusal(401), others=True)) is Unauthenticated


@pytest.mark.parametrize("found", [refusal(400, NO_ROOM), refusal(402), refusal(400, "words of no meaning")])
def test_no_promise_is_believed_after_one_was_broken(found: Refusal) -> None:
    assert type(of_create(found, promises=False)) is Unknown


@pytest.mark.parametrize(("after", "wait"), [(2.0, 2.0), (None, 1.0), (0.0, 0.0)])
def test_too_many_calls_wait_as_long_as_they_are_told(after: float | None, wait: float) -> None:
    raised = of_create(refusal(429, shaped=False, after=after))
    assert isinstance(raised, Throttled)
    assert raised.retry_after == wait


@pytest.mark.parametrize(
    ("raising", "found", "error", "reason"),
    [
        (raise_for_delete, refusal(401), NotExecuted, Reason.CREDENTIALS_REJECTED),
        (raise_for_delete, refusal(403), NotExecuted, Reason.CREDENTIALS_REJECTED),
        (raise_for_delete, refusal(409), Rejected, Reason.REQUEST_REJECTED),
        (raise_for_delete, refusal(408), Unknown, Reason.OUTCOME_UNKNOWN),
        (raise_for_delete, refusal(404, shaped=False), Unknown, Reason.OUTCOME_UNKNOWN),
        (raise_for_delete, refusal(500), Unknown, Reason.OUTCOME_UNKNOWN),
        (raise_for_delete, refusal(429), Throttled, Reason.THROTTLED),
        (raise_for_stop, refusal(409), NotExecuted, Reason.WAITING),
        (raise_for_stop, refusal(400), Rejected, Reason.REQUEST_REJECTED),
        (raise_for_stop, refusal(503), Unknown, Reason.OUTCOME_UNKNOWN),
        (raise_for_start, refusal(400, HOST_FULL), CannotStart, Reason.BROKEN),
        (raise_for_start, refusal(409, HOST_FULL), CannotStart, Reason.BROKEN),
        (raise_for_start, refusal(500, HOST_FULL), Unknown, Reason.OUTCOME_UNKNOWN),
        (raise_for_start, refusal(400, HOST_FULL, shaped=False), Unknown, Reason.OUTCOME_UNKNOWN),
        (raise_for_start, refusal(402), NotExecuted, Reason.QUOTA_EXCEEDED),
        (raise_for_start, refusal(409), NotExecuted, Reason.WAITING),
        (raise_before_create, refusal(401), Unauthenticated, Reason.CREDENTIALS_REJECTED),
        (raise_before_create, refusal(403), Rejected, Reason.CREDENTIALS_REJECTED),
        (raise_before_create, refusal(429), Throttled, Reason.THROTTLED),
        (raise_before_create, refusal(500), NotExecuted, Reason.PROVIDER_UNREACHABLE),
        (raise_before_create, refusal(403, shaped=False), NotExecuted, Reason.PROVIDER_UNREACHABLE),
    ],
)
def test_what_the_other_verbs_are_refused_with(
    raising: Callable[[Refusal], NoReturn], found: Refusal, error: type[ProviderError], reason: Reason
) -> None:
    with pytest.raises(ProviderError) as caught:
        raising(found)
    assert type(caught.value) is error
    assert caught.value.reason is reason
    assert caught.value.unhealthy is (found.status >= 500)


@pytest.mark.parametrize(
    ("found", "rejected", "unhealthy"),
    [
        (refusal(401), True, False),
        (refusal(403), True, False),
        (refusal(403, shaped=False), False, False),
        (refusal(429), False, False),
        (refusal(500), False, True),
        (refusal(404), False, False),
    ],
)
def test_a_read_that_was_refused_is_blind(found: Refusal, rejected: bool, unhealthy: bool) -> None:
    with pytest.raises(Blind) as caught:
        raise_blind(found)
    assert (caught.value.rejected, caught.value.unhealthy) == (rejected, unhealthy)


@pytest.mark.parametrize(("status", "wait"), [(429, 12.0), (503, None)])
def test_a_read_that_was_one_too_many_says_for_how_long_to_stay_away(status: int, wait: float | None) -> None:
    with pytest.raises(Blind) as caught:
        raise_blind(refusal(status, after=12.0))
    assert caught.value.retry_after == wait


@pytest.mark.parametrize(
    ("body", "shaped"),
    [
        ({"title": "Bad Request", "status": 400, "detail": "a"}, True),
        ({"title": "Bad Request", "status": 500, "detail": "a"}, False),
        ({"title": "Bad Request", "status": "400", "detail": "a"}, False),
        ({"title": 1, "status": 400, "detail": "a"}, False),
        ({"status": 400, "detail": "a"}, False),
        ({"title": "Bad Request", "status": 400}, False),
        ([], False),
        (None, False),
        ("Bad Request", False),
    ],
)
def test_only_runpods_own_shape_counts(body: Any, shaped: bool) -> None:
    assert refusal_of(Answer(400, {}, body)).shaped is shaped


def test_what_is_wrong_in_particular_is_told_and_cut() -> None:
    body = {"title": "t", "status": 422, "detail": "no", "errors": ["$.disk: 0", 7, "a" * 1000]}
    found = refusal_of(Answer(422, {"retry-after": "12"}, body))
    assert found.detail.startswith("no; $.disk: 0; aaa")
    assert len(found.detail) == 256
    assert found.retry_after == 12.0
    assert found.words.startswith("RunPod answered 422: no")


@pytest.mark.parametrize(
    ("detail", "meaning"),
    [
        (NO_ROOM, Meaning.NO_ROOM),
        ("There are no longer any instances available with the requested specifications.", Meaning.NO_ROOM),
        (HOST_FULL, Meaning.NO_ROOM),
        ("Container Disk must be less than or equal to 20 GB for this instance", Meaning.WRONG),
        ("Your spend limit is reached", Meaning.NO_MONEY),
        ("request could not be processed", Meaning.UNCLEAR),
        ("", Meaning.UNCLEAR),
    ],
)
def test_a_text_says_what_it_means(detail: str, meaning: Meaning) -> None:
    assert refusal(400, detail).meaning is meaning
