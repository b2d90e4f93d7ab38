"""Races of removal: a namespace, a Secret, a provider, the operator go in every order, under live machines."""

from collections.abc import Callable
from functools import partial
from itertools import permutations

from tests.campaign.l3_kills import Nowhere
from tests.campaign.l3_plays import PLAYS, Play, Stand
from tests.campaign.l3_points import Point
from tests.campaign.l3_run import Report, played
from tests.campaign.l3_slot import PATIENCE_SECONDS, Slots
from tests.e2e.cluster import NAMESPACES, PROVIDERS, SECRETS, holds_for, pause, wait_for

_REMOVAL = next(play for play in PLAYS if play.name == "removal")
_NAMESPACE = next(play for play in PLAYS if play.name == "namespace")
_AWAY_SECONDS = 4.0
_STAYS_SECONDS = 3.0


class Done(Nowhere):
    """Nothing goes wrong by itself: the workflow is the race."""

    struck = True


Deed = Callable[[Stand], None]


def _secret(stand: Stand) -> None:
    world = stand.world
    world.cluster.delete(SECRETS, world.namespace, world.name)


def _provider(stand: Stand) -> None:
    world = stand.world
    world.cluster.delete(PROVIDERS, world.namespace, world.name)


def _instance(stand: Stand) -> None:
    stand.instance.delete()


def _namespace(stand: Stand) -> None:
    stand.world.cluster.delete(NAMESPACES, "", stand.slot.namespace)


def _kill(stand: Stand) -> None:
    stand.slot.operator.strike()


def _leave(stand: Stand) -> None:
    """The operator is uninstalled, and installed again some seconds later."""
    stand.slot.operator.put_down()
    pause(_AWAY_SECONDS)
    stand.slot.operator.keep()


def _end_in_good_order(stand: Stand) -> None:
    stand.slot.operator.end_in_good_order()


def _silence(stand: Stand) -> None:
    stand.slot.gateway.pause()


def _speech(stand: Stand) -> None:
    pause(_AWAY_SECONDS)
    stand.slot.gateway.resume()


def _create_slowly(stand: Stand) -> None:
    """A create is on its way and takes a second."""
    stand.world.fault("one", action="hang", seconds=1)
    stand.create()
    wait_for("a create on its way", stand.instance.creates, PATIENCE_SECONDS)


def _stays(stand: Stand) -> None:
    """Whatever is being deleted, the machine runs on as long as it is wanted."""
    assert holds_for(_STAYS_SECONDS, lambda: len(stand.instance.live()) == 1), "a machine that is wanted was ended"
    world = stand.world
    assert world.cluster.get(SECRETS, world.namespace, world.name), "the Secret of a live machine is gone"
    assert world.provider(), "the provider of a live machine is gone"


def _prepared(stand: Stand) -> None:
    stand.create()
    stand.ready()


def _nothing(stand: Stand) -> None:
    del stand


def _acted(*deeds: Deed) -> Deed:
    def act(stand: Stand) -> None:
        for deed in deeds:
            deed(stand)

    return act


def _race(name: str, end: Deed, *deeds: Deed, prepare: Deed = _prepared) -> Play:
    return Play(name, _acted(*deeds), end, prepare, fresh=True)


_ORDERS = {"secret": _secret, "provider": _provider, "instance": _instance}

RACES = (
    *(
        _race("-".join(order), _REMOVAL.end, _ORDERS[order[0]], _kill, *(_ORDERS[name] for name in order[1:]))
        for order in permutations(_ORDERS)
    ),
    _race("namespace-under-a-create", _NAMESPACE.end, _create_slowly, _namespace, prepare=_nothing),
    _race("namespace-under-a-create-and-a-kill", _NAMESPACE.end, _create_slowly, _namespace, _kill, prepare=_nothing),
    _race("namespace-while-no-operator-runs", _NAMESPACE.end, _namespace, _leave),
    _race("namespace-while-the-gateway-is-silent", _NAMESPACE.end, _silence, _namespace, _speech),
    _race("uninstall-under-a-deletion", _REMOVAL.end, _instance, _leave, _provider, _secret),
    _race(
        "good-end-under-a-create",
        _REMOVAL.end,
        _create_slowly,
        _end_in_good_order,
        _instance,
        _provider,
        _secret,
        prepare=_nothing,
    ),
    _race("wanted-though-all-else-goes", _REMOVAL.end, _secret, _provider, _stays, _kill, _stays, _instance),
    _race(
        "provider-under-a-create",
        _REMOVAL.end,
        _create_slowly,
        _provider,
        _secret,
        _kill,
        _stays,
        _instance,
        prepare=_nothing,
    ),
)


def removal_points() -> list[Point]:
    """Return one point for each race."""
    return [Point(f"removal/{race.name}", partial(raced, race), fresh=True) for race in RACES]


def raced(race: Play, slots: Slots) -> Report:
    """Play one race."""
    with slots.lent(fresh=True) as slot:
        return played(slot, race, Done())
