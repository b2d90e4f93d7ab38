"""Whose a machine is, as labels that every cloud of SkyPilot's takes, and back.

Google Cloud is the strictest: keys and values of at most 63 characters of a-z, 0-9, '_' and '-' (its page "Requirements
for labels"). Kubernetes wants values to begin and to end with a letter or digit. So keys have no prefix with a dot, and
the dots of a Kubernetes name, which has no '_', are written as '_'.
"""

from collections.abc import Mapping

from gpuwright.model.conditions import Reason
from gpuwright.model.errors import Rejected
from gpuwright.model.names import LABEL_CLUSTER, LABEL_INCARNATION, LABEL_OWNER, LABEL_OWNER_UID

OWN = "gpuwright-"
MAX_VALUE = 63
PART = MAX_VALUE - 2
_PLAIN = {
    LABEL_CLUSTER: f"{OWN}cluster",
    LABEL_OWNER_UID: f"{OWN}owner-uid",
    LABEL_INCARNATION: f"{OWN}incarnation",
}
_OWNER = f"{OWN}owner"


def encoded(labels: Mapping[str, str]) -> dict[str, str]:
    """Return the labels as SkyPilot gets them.

    Raises:
        Rejected: a tag of the spec has a key that is ours here.
    """
    taken = sorted(key for key in labels if key.startswith(OWN))
    if taken:
        words = f"tags that begin with {OWN} are the operator's at SkyPilot: choose another key than {taken[0]}"
        raise Rejected(words, Reason.REQUEST_REJECTED)
    found: dict[str, str] = {}
    for key, value in labels.items():
        if key == LABEL_OWNER:
            found.update(_parts(value.replace(".", "_")))
        else:
            found[_PLAIN.get(key, key)] = value
    return found


def _parts(owner: str) -> dict[str, str]:
    if len(owner) <= MAX_VALUE:
        return {_OWNER: owner}
    parts = [owner[start : start + PART] for start in range(0, len(owner), PART)]
    # A part may begin or end with '-', so each stands between two digits.
    return {f"{_OWNER}-{number}": f"0{part}0" for number, part in enumerate(parts, 1)}


def decoded(labels: Mapping[str, str]) -> dict[str, str]:
    """Return the labels as the rest of the operator knows them."""
    names = {own: key for key, own in _PLAIN.items()}
    found = {names.get(key, key): value for key, value in labels.items() if not _is_part(key)}
    owner = labels.get(_OWNER) or "".join(labels[key][1:-1] for key in _part_keys(labels))
    return {**found, **({LABEL_OWNER: owner.replace("_", ".")} if owner else {})}


def _is_part(key: str) -> bool:
    return key == _OWNER or (key.startswith(f"{_OWNER}-") and key.removeprefix(f"{_OWNER}-").isdecimal())


def _part_keys(labels: Mapping[str, str]) -> list[str]:
    keys = [key for key in labels if _is_part(key) and key != _OWNER]
    return sorted(keys, key=lambda key: int(key.removeprefix(f"{_OWNER}-")))
