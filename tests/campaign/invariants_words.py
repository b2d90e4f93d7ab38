"""I14 and I15: secrets stand nowhere, and conditions are well-formed."""

import base64
import json
import re
from collections.abc import Iterator
from datetime import datetime
from urllib.parse import quote

from tests.campaign.story import USER, condition_of, name_of, status_of
from tests.campaign.trace import Body, Logged, Trace, Written

from gpuwright.model.resources import BY_KIND, INSTANCES, SECRETS

CANARY = 8  # characters of a secret that are enough to know it by
_CAMEL = re.compile(r"[A-Z][A-Za-z0-9]*")


def i14_hygiene(trace: Trace) -> list[str]:
    """No Secret's value stands in a log, an Event, a status or a metric, in any of the forms that one could take."""
    canaries: dict[str, str] = {}
    broken = []
    for event in trace.events:
        match event:
            case Written(kind=SECRETS.kind, after=after) if after is not None:
                canaries |= _canaries(after)
            case Written(kind=kind, after=after, process=process) if after is not None and process != USER:
                text = json.dumps(after)
                broken += [f"at {event.at:.3f} s {kind} shows {s}" for c, s in canaries.items() if c in text]
            case Logged(text=text):
                broken += [f"at {event.at:.3f} s a log shows {s}" for c, s in canaries.items() if c in text]
            case _:
                continue
    return broken


def _canaries(secret: Body) -> dict[str, str]:
    """Return every form of the Secret's values by which they could be known, with the Secret's name."""
    found: dict[str, str] = {}
    for encoded in (secret.get("data") or {}).values():
        value = base64.b64decode(encoded).decode("utf-8", "replace")
        if len(value) > CANARY:
            found |= dict.fromkeys((value, str(encoded), quote(value, safe=""), value[:CANARY]), name_of(secret))
    return found


def i15_conditions(trace: Trace) -> list[str]:
    """Conditions are well-formed, and their times and generations move as the API conventions want it."""
    broken = []
    for event in trace.events:
        if not isinstance(event, Written) or event.kind not in BY_KIND or event.after is None or event.process == USER:
            continue
        words = f"at {event.at:.3f} s {event.kind} {name_of(event.after)}:"
        broken += [f"{words} {why}" for why in _badly_formed(event.kind, event.after)]
        broken += [f"{words} {why}" for why in _badly_moved(event.before, event.after)]
    return broken


def _badly_formed(kind: str, body: Body) -> Iterator[str]:
    conditions = status_of(body).get("conditions") or []
    types = [entry["type"] for entry in conditions]
    if len(types) != len(set(types)):
        yield "a condition stands there twice"
    if conditions and "Ready" not in types and kind == INSTANCES.kind:
        yield "there is no condition Ready"
    for entry in conditions:
        if not _CAMEL.fullmatch(str(entry.get("reason") or "")):
            yield f"{entry['type']} has the reason {entry.get('reason')!r}"


def _badly_moved(before: Body | None, after: Body) -> Iterator[str]:
    if int(status_of(before).get("observedGeneration") or 0) > int(status_of(after).get("observedGeneration") or 0):
        yield "observedGeneration fell"
    for entry in status_of(after).get("conditions") or ():
        old = condition_of(before, entry["type"])
        if not old:
            continue
        same_time = old.get("lastTransitionTime") == entry.get("lastTransitionTime")
        if old["status"] == entry["status"] and not same_time:
            yield f"the time of {entry['type']} moved, and its status did not"
        earlier = _time(str(entry.get("lastTransitionTime"))) < _time(str(old.get("lastTransitionTime")))
        if old["status"] != entry["status"] and earlier:
            yield f"the time of {entry['type']} went back"
        if int(old.get("observedGeneration") or 0) > int(entry.get("observedGeneration") or 0):
            yield f"observedGeneration of {entry['type']} fell"


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
