"""Which of RunPod's GPUs is meant by a name: RunPod sells by display strings such as `NVIDIA H100 80GB HBM3`."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from gpuwright.adapters.gpu_names import GpuModel, model_of
from gpuwright.model.conditions import Reason
from gpuwright.model.errors import Rejected, TooDear
from gpuwright.model.machine_spec import Gpu
from gpuwright.model.runpod_spec import Cloud

MAX_DOUBTS = 1000
_WORD = re.compile(r"[a-z0-9]+")
_SHOWN = 6


@dataclass(frozen=True, slots=True)
class Offer:
    """What one cloud of RunPod's offers of a kind of GPU: USD an hour for one (None = not told), and most in a pod."""

    price: Decimal | None
    most: int


@dataclass(frozen=True, slots=True)
class GpuType:
    """One row of RunPod's catalogue."""

    id: str
    name: str
    offers: Mapping[Cloud, Offer]
    card: GpuModel


def types_in(body: Any) -> tuple[GpuType, ...]:
    """Return the rows of `GET /v2/catalog/gpus`; what is no row is left out. Empty where it is no catalogue."""
    rows = body.get("gpus") if isinstance(body, Mapping) else None
    found = (_type_of(row) for row in rows) if isinstance(rows, list) else ()
    return tuple(row for row in found if row is not None)


def _type_of(row: Any) -> GpuType | None:
    if not isinstance(row, Mapping) or not isinstance(row.get("id"), str) or not isinstance(row.get("name"), str):
        return None
    offers = {cloud: _offer(row, cloud.lower()) for cloud in Cloud if row.get(cloud.lower()) is True}
    memory = row.get("memory")
    card = model_of(row["id"], memory if isinstance(memory, int) else None)
    return GpuType(id=row["id"], name=row["name"], offers=offers, card=card)


def _offer(row: Mapping[str, Any], cloud: str) -> Offer:
    price, most = _field(row, "price", cloud), _field(row, "maxCount", cloud)
    known = isinstance(price, int | float) and not isinstance(price, bool) and price > 0
    whole = isinstance(most, int) and not isinstance(most, bool)
    return Offer(Decimal(str(price)) if known else None, most if whole else 0)


def _field(row: Mapping[str, Any], name: str, cloud: str) -> Any:
    block = row.get(name)
    return block.get(cloud) if isinstance(block, Mapping) else None


def candidates(wanted: Gpu, cloud: Cloud, table: Iterable[GpuType]) -> tuple[str, ...]:
    """Return the ids of the GPUs that the name means, cheapest first; the same ones for the same table.

    An id or a display name means that one GPU. The name of a card means each form of it: `H100` is `NVIDIA H100 PCIe`
    and `NVIDIA H100 80GB HBM3`. Anything else means every GPU that has all of its words, such as `4090`.

    Raises:
        Rejected: there is none, or none with as many in one pod.
    """
    rows = tuple(table)
    named = [row for row in rows if _is_named(row, wanted.type)]
    cards = [row for row in rows if row.card.is_a(model_of(wanted.type))]
    meant = named[:1] or cards or [row for row in rows if _words(wanted.type) <= _words(f"{row.id} {row.name}")]
    if not meant or not _words(wanted.type):
        raise _rejected(f"RunPod has no GPU {wanted.type!r}: write its id, such as NVIDIA H100 80GB HBM3")
    sold = [(row.offers[cloud], row.id) for row in meant if cloud in row.offers]
    if not sold:
        raise _rejected(f"RunPod's cloud {cloud} does not offer {_list(row.id for row in meant)}: write another cloud")
    most = max(offer.most for offer, _id in sold)
    if wanted.count > most:
        raise _rejected(f"RunPod puts at most {most} of {_list(found for _offer, found in sold)} into one pod")
    fitting = [
        (offer.price is None, offer.price or Decimal(0), found) for offer, found in sold if offer.most >= wanted.count
    ]
    return tuple(found for _unknown, _price, found in sorted(fitting))


def affordable(
    gpus: tuple[str, ...], count: int, cloud: Cloud, ceiling: Decimal, table: Iterable[GpuType]
) -> tuple[str, ...]:
    """Return those of the GPUs, given by their ids, of which `count` cost at most `ceiling` USD an hour; in the same
    order.

    Raises:
        TooDear: none of them does, or RunPod tells no price.
    """
    told = {row.id: row.offers[cloud].price for row in table if cloud in row.offers}
    prices = {gpu: price * count for gpu in gpus if (price := told.get(gpu)) is not None}
    found = tuple(gpu for gpu in gpus if gpu in prices and prices[gpu] <= ceiling)
    if found:
        return found
    words = f"{count} of {_list(gpus)} in its cloud {cloud}"
    if not prices:
        raise TooDear(f"RunPod tells no price for {words}, so maxPricePerHour {ceiling} cannot be kept: leave it out")
    least = min(prices.values())
    raise TooDear(f"RunPod asks {least} USD an hour or more for {words}, and maxPricePerHour is {ceiling}")


class Doubts:
    """Which GPUs were refused in one way that may mean the GPU or more, for each owner: all of several means more.

    RunPod's own advice, where a 400 may be either (docs.runpod.io/api-reference-v2/pods/create-a-pod, 2026-08-20). One
    GPU alone proves nothing: it may be out of stock in words that are not known here.
    """

    def __init__(self) -> None:
        self._refused: dict[str, set[str]] = {}

    def believe(self, owner: str, gpu: str, among: tuple[str, ...]) -> bool:
        """Take note that a GPU was refused so, and return whether all of several were."""
        if owner not in self._refused and len(self._refused) >= MAX_DOUBTS:
            self._refused.clear()
        refused = self._refused.setdefault(owner, set())
        refused.add(gpu)
        return len(among) > 1 and refused >= set(among)

    def forget(self, owner: str) -> None:
        """Forget an owner whose request was understood."""
        self._refused.pop(owner, None)


def _is_named(row: GpuType, name: str) -> bool:
    return name.strip().lower() in {row.id.lower(), row.name.lower()}


def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text.lower()))


def _list(names: Iterable[str]) -> str:
    found = sorted(names)
    return ", ".join(found[:_SHOWN]) + (" and others" if len(found) > _SHOWN else "")


def _rejected(words: str) -> Rejected:
    return Rejected(words, Reason.REQUEST_REJECTED)
