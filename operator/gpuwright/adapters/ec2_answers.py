"""What EC2's error codes mean: one table, one pure function per verb (docs/providers/ec2.md has it in words).

The codes are those of EC2's API reference, "Error codes for the Amazon EC2 API", and of its page on idempotency.
"""

from dataclasses import dataclass
from typing import NoReturn

from gpuwright.adapters.retry_after import DEFAULT_RETRY_AFTER
from gpuwright.model.conditions import Reason
from gpuwright.model.errors import (
    Blind,
    NeverSent,
    NotCommitted,
    NotExecuted,
    Rejected,
    Throttled,
    Unauthenticated,
    Unknown,
)

NOT_FOUND = frozenset({"InvalidInstanceID.NotFound", "InvalidInstanceID.Malformed"})
NO_ROOM = frozenset(
    {
        "InsufficientInstanceCapacity",
        "InsufficientAddressCapacity",
        "InsufficientCapacity",
        "InsufficientCapacityOnHost",
        "InsufficientHostCapacity",
        "InsufficientReservedInstanceCapacity",
        "InsufficientVolumeCapacity",
        "ReservationCapacityExceeded",
        "UnfulfillableCapacity",
        "Unsupported",
    }
)
"""Unsupported is what a zone answers that has a type at other times: Karpenter counts it, UnfulfillableCapacity and
ReservationCapacityExceeded as no room (github.com/aws/karpenter-provider-aws/pull/2147, read 2026-11-22).
"""
TOO_DEAR = frozenset({"SpotMaxPriceTooLow"})
NO_QUOTA = frozenset(
    {
        "VcpuLimitExceeded",
        "InstanceLimitExceeded",
        "MaxSpotInstanceCountExceeded",
        "VolumeLimitExceeded",
        "MaxIOPSLimitExceeded",
        "InsufficientFreeAddressesInSubnet",
        "NetworkInterfaceLimitExceeded",
    }
)
THROTTLED = frozenset(
    {
        "RequestLimitExceeded",
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestThrottled",
        "RequestThrottledException",
        "TooManyRequestsException",
        "EC2ThrottledException",
    }
)
AUTH_FAILURE = "AuthFailure"
NOT_VALIDATED = "not able to validate"
"""What AuthFailure says where it is about our credentials. "Not authorized for images: [ami-...]" has its code as well,
and is about one request (github.com/DataBiosphere/toil/issues/3512, read 2026-11-22).
"""
UNAUTHENTICATED = frozenset(
    {
        "Blocked",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "MissingAuthenticationToken",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
FORBIDDEN = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        AUTH_FAILURE,
        "OptInRequired",
        "PendingVerification",
        "UnauthorizedOperation",
    }
)
"""What may be about one machine, so that others go on: an image of the Marketplace whose terms nobody has accepted is
refused with OptInRequired, status 401 (github.com/F5Networks/f5-aws-cloudformation/issues/45, read 2026-11-22).
"""
# A promise whatever the status: EC2 counts having no room among its own errors, and answers it with 500.
_NOTHING_MADE = {
    **dict.fromkeys(NO_ROOM, Reason.CAPACITY_UNAVAILABLE),
    **dict.fromkeys(NO_QUOTA, Reason.QUOTA_EXCEEDED),
    **dict.fromkeys(TOO_DEAR, Reason.PRICE_TOO_HIGH),
}
WRONG_STATE = frozenset({"IncorrectInstanceState", "IncorrectState"})
OTHER_PARAMETERS = "IdempotentParameterMismatch"
TOKEN_TERMINATED = "IdempotentInstanceTerminated"  # noqa: S105 - an error code


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer of EC2's that is no success."""

    status: int
    code: str
    message: str
    retry_after: float | None = None

    @property
    def words(self) -> str:
        """Return what people read."""
        return f"EC2 answered {self.code}: {self.message}"

    @property
    def unauthenticated(self) -> bool:
        """Return whether EC2 does not take our credentials, for this call as for any other."""
        return self.code in UNAUTHENTICATED or (self.code == AUTH_FAILURE and NOT_VALIDATED in self.message)


def raise_for_create(refusal: Refusal, *, resent: bool, promises: bool) -> NoReturn:
    """Raise what a RunInstances that was not confirmed means.

    `promises` is False where a machine existed although an answer promised none: then no such answer is believed.
    """
    _raise_if_throttled(refusal)
    words, code = refusal.words, refusal.code
    nothing_made = _NOTHING_MADE.get(code)
    if nothing_made is not None:
        if not promises:
            raise Unknown(words)
        raise NotCommitted(words, reason=nothing_made)
    if code == OTHER_PARAMETERS:
        # Speaks for a machine of this token, not against one. Where nothing of ours was sent before, the first answer
        # settles like any other that was lost; the second one tells that the token will not do.
        raise Unknown(words, conflict=resent)
    if code == TOKEN_TERMINATED:
        raise Unknown(words, conflict=True)  # the machine of this token is gone, and it makes no other
    _raise_for_credentials(refusal)
    if 400 <= refusal.status < 500:
        raise Rejected(words, Reason.REQUEST_REJECTED)
    raise Unknown(words, unhealthy=True)


def raise_before_create(refusal: Refusal) -> NoReturn:
    """Raise what a refused read that comes before a create means: nothing was made."""
    _raise_if_throttled(refusal)
    _raise_for_credentials(refusal)
    if 400 <= refusal.status < 500:
        raise Rejected(refusal.words, Reason.REQUEST_REJECTED)
    raise NeverSent(refusal.words)


def raise_for_delete(refusal: Refusal) -> NoReturn:
    """Raise what a TerminateInstances that was not accepted means."""
    _raise_if_throttled(refusal)
    if refusal.code in UNAUTHENTICATED | FORBIDDEN:
        raise NotExecuted(refusal.words, Reason.CREDENTIALS_REJECTED)
    if 400 <= refusal.status < 500:
        raise Rejected(refusal.words, Reason.REQUEST_REJECTED)
    raise Unknown(refusal.words, unhealthy=True)


def raise_for_power(refusal: Refusal) -> NoReturn:
    """Raise what a StartInstances or StopInstances that was not accepted means."""
    if refusal.code in WRONG_STATE:
        raise NotExecuted(refusal.words, Reason.WAITING)  # not possible in this state: look again
    nothing_begun = _NOTHING_MADE.get(refusal.code)
    if nothing_begun is not None:
        raise NotExecuted(refusal.words, nothing_begun)  # the machine is still there, switched off
    raise_for_delete(refusal)


def raise_blind(refusal: Refusal) -> NoReturn:
    """Raise Blind for a read that was refused."""
    raise Blind(
        refusal.words,
        rejected=refusal.code in UNAUTHENTICATED | FORBIDDEN,
        unhealthy=refusal.status >= 500 and refusal.code not in THROTTLED,
        retry_after=refusal.retry_after,
    )


def _raise_if_throttled(refusal: Refusal) -> None:
    if refusal.code in THROTTLED or refusal.status == 429:
        wait = DEFAULT_RETRY_AFTER if refusal.retry_after is None else refusal.retry_after
        raise Throttled(refusal.words, wait)


def _raise_for_credentials(refusal: Refusal) -> None:
    if refusal.unauthenticated:
        raise Unauthenticated(refusal.words)
    if refusal.code in FORBIDDEN:
        raise Rejected(refusal.words, Reason.CREDENTIALS_REJECTED)
