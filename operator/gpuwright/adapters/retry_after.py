"""How long a provider asks us to stay away: the header Retry-After (RFC 9110, 10.2.3)."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

MAX_RETRY_AFTER = 300.0  # seconds
DEFAULT_RETRY_AFTER = 1.0


def retry_after(value: str | None, date: str | None) -> float | None:
    """Return the seconds that a Retry-After header asks for, 0 to 300; None without one, 1 where it cannot be read.

    A moment is compared with the Date header of the same answer, so that no clock of ours comes into it.
    """
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), MAX_RETRY_AFTER)
    try:
        wait = (_moment(text) - _moment(date or "")).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return DEFAULT_RETRY_AFTER
    return min(max(wait, 0.0), MAX_RETRY_AFTER)


def _moment(text: str) -> datetime:
    moment = parsedate_to_datetime(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
