"""What a provider call can end in, split by what happens next, not by where it arose.

ProviderError
├─ Unknown        it may have happened: look before anything else
├─ NotCommitted   the provider promises that nothing was made: next name, or next placement
└─ NotExecuted    nothing happened at all: same name again
   ├─ NeverSent   once the provider answers
   ├─ Throttled   after retry_after
   ├─ TooDear     after a long wait: prices change
   ├─ CannotStart never: this machine cannot be started any more
   └─ Rejected    after a person changed something

Blind stands apart: a read that was not answered in full. It proves nothing, and is never "empty".
"""

from gpuwright.model.conditions import Reason


class ProviderError(Exception):
    """Base of all; `reason` is the condition reason that people see, the message what the provider said.

    `unhealthy`: the call counts against the provider's health (never sent, time-out, a 5xx that nothing promises).
    """

    def __init__(self, message: str, reason: Reason, *, unhealthy: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason
        self.unhealthy = unhealthy


class Unknown(ProviderError):
    """It may have happened. Look until it is found or has settled; never send again before that.

    `conflict`: the provider said that the name is taken, and a look found nothing under it.
    """

    def __init__(
        self, message: str, *, reason: Reason = Reason.OUTCOME_UNKNOWN, conflict: bool = False, unhealthy: bool = False
    ) -> None:
        super().__init__(message, reason, unhealthy=unhealthy)
        self.conflict = conflict


class NotCommitted(ProviderError):
    """The provider promises that nothing was made. The next attempt takes the next name."""

    def __init__(self, message: str, *, reason: Reason = Reason.PLACEMENT_FAILED) -> None:
        super().__init__(message, reason)


class NotExecuted(ProviderError):
    """Nothing happened. The same name and token may be sent again; it counts no attempt."""


class NeverSent(NotExecuted):
    """No byte of the request left. Try again once the provider answers."""

    def __init__(self, message: str) -> None:
        super().__init__(message, Reason.PROVIDER_UNREACHABLE, unhealthy=True)


class Throttled(NotExecuted):
    """The provider asked us to come back after `retry_after` seconds."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message, Reason.THROTTLED)
        self.retry_after = retry_after


class TooDear(NotExecuted):
    """It costs more than spec.machine.maxPricePerHour allows, or nobody says what it costs; nothing was sent."""

    def __init__(self, message: str) -> None:
        super().__init__(message, Reason.PRICE_TOO_HIGH)


class CannotStart(NotExecuted):
    """A start that the provider refuses for good, for this one machine: it is terminated, and replaced.

    Nothing less may end a machine that has something on its disks: not a 404, which may come from a copy that lags,
    and not a right that our credentials lack.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message, Reason.BROKEN)


class Rejected(NotExecuted):
    """A person must change something: the request, or what the credentials may do (reason CredentialsRejected)."""


class Unauthenticated(Rejected):
    """The provider does not take our credentials, for this call as for any other."""

    def __init__(self, message: str) -> None:
        super().__init__(message, Reason.CREDENTIALS_REJECTED)


class Blind(Exception):
    """A read was not answered in full: nothing is known, so nothing may be concluded.

    `rejected`: the provider refused our credentials. `forbidden`: its endpoint's address is one that we do not connect
    to. `unhealthy`: as for ProviderError. `retry_after`: for how many seconds it asked us to stay away, where it did.
    """

    def __init__(
        self,
        message: str,
        *,
        rejected: bool = False,
        forbidden: bool = False,
        unhealthy: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.rejected = rejected
        self.forbidden = forbidden
        self.unhealthy = unhealthy
        self.retry_after = retry_after


class EndpointRefused(Exception):
    """The endpoint's address is one that this operator does not connect to; the message says what would allow it."""
