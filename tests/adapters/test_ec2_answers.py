"""What each error code of EC2's means, for each verb."""

from collections.abc import Callable
from typing import NoReturn

import pytest

from gpuwright.adapters.ec2_answers import (
    AUTH_FAILURE,
    FORBIDDEN,
    NO_QUOTA,
    NO_ROOM,
    THROTTLED,
    TOO_DEAR,
    UNAUTHENTICATED,
    Refusal,
    raise_before_create,
    raise_blind,
    raise_for_create,
    raise_for_delete,
    raise_for_power,
)
from gpuwright.model.conditions import Reason
from gpuwright.model.errors import (
    Blind,
    NeverSent,
    NotCommitted,
    NotExecuted,
    ProviderError,
    Rejected,
    Throttled,
    Unauthenticated,
    Unknown,
)

NOT_VALIDATED = "AWS was not able to validate the provided access credentials"


def of(code: str, status: int = 400, wait: float | None = None, *, message: str = "because") -> Refusal:
    return Refusal(status, code, message, wait)


def create(refusal: Refusal, *, resent: bool = False, promises: bool = True) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        raise_for_create(refusal, resent=resent, promises=promises)
    return caught.value


def outcome(verb: Callable[[Refusal], NoReturn], refusal: Refusal) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        verb(refusal)
    return caught.value


@pytest.mark.parametrize("status", [400, 500])
@pytest.mark.parametrize("code", sorted(NO_ROOM | NO_QUOTA))
def test_no_room_and_no_quota_made_nothing_whatever_the_status(code: str, status: int) -> None:
    found = create(of(code, status))
    assert isinstance(found, NotCommitted)
    assert found.reason is (Reason.CAPACITY_UNAVAILABLE if code in NO_ROOM else Reason.QUOTA_EXCEEDED)
    assert not found.unhealthy


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("Unsupported", Reason.CAPACITY_UNAVAILABLE),
        ("UnfulfillableCapacity", Reason.CAPACITY_UNAVAILABLE),
        ("InsufficientCapacityOnHost", Reason.CAPACITY_UNAVAILABLE),
        ("ReservationCapacityExceeded", Reason.CAPACITY_UNAVAILABLE),
        ("InsufficientVolumeCapacity", Reason.CAPACITY_UNAVAILABLE),
        ("InsufficientAddressCapacity", Reason.CAPACITY_UNAVAILABLE),
        ("MaxIOPSLimitExceeded", Reason.QUOTA_EXCEEDED),
    ],
)
def test_what_is_short_besides_instances_is_no_room_and_no_fault_of_the_request(code: str, reason: Reason) -> None:
    found = create(of(code))
    assert isinstance(found, NotCommitted)
    assert found.reason is reason


def test_a_spot_price_above_the_ceiling_made_nothing_and_is_no_lack_of_room() -> None:
    assert {"SpotMaxPriceTooLow"} == TOO_DEAR
    found = create(of("SpotMaxPriceTooLow"))
    assert isinstance(found, NotCommitted)
    assert found.reason is Reason.PRICE_TOO_HIGH
    assert type(create(of("SpotMaxPriceTooLow"), promises=False)) is Unknown


@pytest.mark.parametrize("code", sorted(NO_ROOM | NO_QUOTA))
def test_a_promise_that_was_broken_once_is_believed_no_more(code: str) -> None:
    assert type(create(of(code), promises=False)) is Unknown


@pytest.mark.parametrize(("status", "code"), [*((503, code) for code in sorted(THROTTLED)), (429, "Whatever")])
def test_a_throttled_call_did_nothing_in_either_form(status: int, code: str) -> None:
    for verb in (raise_before_create, raise_for_delete, raise_for_power):
        found = outcome(verb, of(code, status))
        assert isinstance(found, Throttled)
        assert found.retry_after == 1.0
    waits = create(of(code, status, 7.0))
    assert isinstance(waits, Throttled)
    assert waits.retry_after == 7.0


@pytest.mark.parametrize(
    "refusal",
    [*(of(code, 401) for code in sorted(UNAUTHENTICATED)), of(AUTH_FAILURE, 401, message=NOT_VALIDATED)],
    ids=lambda refusal: refusal.code,
)
def test_refused_credentials_are_told_as_such_by_every_verb(refusal: Refusal) -> None:
    assert isinstance(create(refusal), Unauthenticated)
    assert isinstance(outcome(raise_before_create, refusal), Unauthenticated)
    for verb in (raise_for_delete, raise_for_power):
        assert outcome(verb, refusal).reason is Reason.CREDENTIALS_REJECTED


@pytest.mark.parametrize("code", sorted(FORBIDDEN))
def test_what_the_credentials_may_not_do_is_about_this_machine_only(code: str) -> None:
    found = create(of(code, 403))
    assert type(found) is Rejected
    assert found.reason is Reason.CREDENTIALS_REJECTED
    assert outcome(raise_for_delete, of(code, 403)).reason is Reason.CREDENTIALS_REJECTED


@pytest.mark.parametrize(
    "refusal",
    [
        of(AUTH_FAILURE, message="Not authorized for images: [ami-0a1b2c3d4e5f60718]"),
        of("OptInRequired", 401, message="In order to use this AWS Marketplace product you need to accept terms"),
        of("PendingVerification", message="Your request for accessing resources in this region is being validated"),
    ],
    ids=lambda refusal: refusal.code,
)
def test_an_image_or_a_region_that_is_not_ours_stops_no_other_machine(refusal: Refusal) -> None:
    for found in (create(refusal), outcome(raise_before_create, refusal)):
        assert type(found) is Rejected
        assert found.reason is Reason.CREDENTIALS_REJECTED


@pytest.mark.parametrize("resent", [True, False])
def test_a_token_with_other_parameters_speaks_for_a_machine_and_not_against_one(resent: bool) -> None:
    found = create(of("IdempotentParameterMismatch"), resent=resent)
    assert isinstance(found, Unknown)
    assert found.conflict is resent, "nothing is tried under another name before this has settled"


def test_a_token_whose_machine_has_terminated_makes_no_other() -> None:
    found = create(of("IdempotentInstanceTerminated"), resent=True)
    assert isinstance(found, Unknown)
    assert found.conflict


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_server_error_that_promises_nothing_is_unknown(status: int) -> None:
    for found in (
        create(of("InternalError", status)),
        outcome(raise_for_delete, of("InternalError", status)),
        outcome(raise_for_power, of("Unavailable", status)),
    ):
        assert type(found) is Unknown
        assert found.unhealthy
    assert isinstance(outcome(raise_before_create, of("InternalError", status)), NeverSent)


@pytest.mark.parametrize(
    "code", ["InvalidAMIID.NotFound", "UnsupportedOperation", "InvalidSubnetID.NotFound", "MissingParameter"]
)
def test_a_client_error_must_be_mended_by_a_person(code: str) -> None:
    found = create(of(code))
    assert type(found) is Rejected
    assert found.reason is Reason.REQUEST_REJECTED
    assert "because" in found.message


def test_a_machine_that_is_protected_against_its_end_says_so() -> None:
    found = outcome(raise_for_delete, of("OperationNotPermitted"))
    assert type(found) is Rejected


@pytest.mark.parametrize("code", ["IncorrectInstanceState", "InsufficientInstanceCapacity", "VcpuLimitExceeded"])
def test_a_machine_that_cannot_be_switched_now_is_not_given_up(code: str) -> None:
    found = outcome(raise_for_power, of(code, 500))
    assert type(found) is NotExecuted


@pytest.mark.parametrize(
    ("code", "status", "rejected", "unhealthy"),
    [
        ("AuthFailure", 401, True, False),
        ("UnauthorizedOperation", 403, True, False),
        ("RequestLimitExceeded", 503, False, False),
        ("InternalError", 500, False, True),
        ("InvalidParameterValue", 400, False, False),
    ],
)
def test_a_read_that_was_refused_is_blind(code: str, status: int, rejected: bool, unhealthy: bool) -> None:
    with pytest.raises(Blind) as caught:
        raise_blind(of(code, status))
    assert (caught.value.rejected, caught.value.unhealthy) == (rejected, unhealthy)
