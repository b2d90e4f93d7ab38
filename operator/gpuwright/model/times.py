"""Times as Kubernetes and providers write them."""

from datetime import UTC, datetime


def seconds_of(text: str) -> float | None:
    """Return an RFC 3339 time as seconds since 1970; None where it cannot be read."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def age_since(text: str, now: float) -> float | None:
    """Return the seconds from an RFC 3339 time until `now` (seconds since 1970), at least 0; None where it cannot be
    read.
    """
    born = seconds_of(text)
    return None if born is None else max(0.0, now - born)
