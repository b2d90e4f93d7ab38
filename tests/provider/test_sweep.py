"""Which machines have no owner any more, by values alone: each guard taken for itself, with its neighbours."""

from typing import Any

import pytest
from tests.builders import OWNER, a_machine

from gpuwright.model.conditions import ConditionType, Reason, Status
from gpuwright.model.machine import Machine, MachineState
from gpuwright.model.names import Owner, owner_labels
from gpuwright.model.resources import Key
from gpuwright.model.sweep_spec import Sweep
from gpuwright.provider.sweep import (
    ADOPTING_WORDS,
    MAX_ORPHANS,
    UNDECIDED_WORDS,
    Named,
    Orphan,
    Standing,
    Sweeping,
    Times,
    after_sweep,
    are_too_many,
    may_be_asked_for,
    named_in,
    orphan_status,
    orphaned,
    own_machines,
    standing_of,
    suspects,
    to_be_ended,
    with_endings,
)

CLUSTER = OWNER.cluster
DELETE = Sweep.model_validate({"mode": "Delete"})
REPORT = Sweep.model_validate({"mode": "Report"})
GATEWAY = Key("ComputeProvider", "team-a", "gateway")
MOMENT = "2026-11-22T10:00:00Z"
HERE = "5f0c"


def of(owner: Owner, **changes: Any) -> Machine:
    return a_machine(labels=owner_labels(owner, 1), **changes)


def numbered(count: int) -> list[Machine]:
    return [of(Owner(CLUSTER, "team-a", f"t-{n}", f"uid-{n}"), id=f"i-{n}", name=f"t-{n}") for n in range(count)]


def ripe(count: int, **changes: Any) -> dict[str, Orphan]:
    """Return orphans that nothing but their number protects."""
    return {
        machine.id: Orphan(machine, **{"since": 0.0, "first_seen": MOMENT, "sweeps": 2, **changes})
        for machine in numbered(count)
    }


def an_instance(uid: str = "uid-9", machine: str = "", provider: str = "gateway", **metadata: Any) -> dict[str, Any]:
    status = {"machine": {"id": machine}} if machine else {}
    ref = {"kind": "ComputeProvider", "name": provider}
    where = {"namespace": "team-a", "name": "other", "uid": uid}
    return {"metadata": where | metadata, "spec": {"providerRef": ref}, "status": status}


class TestSuspects:
    @pytest.mark.parametrize(
        "machine",
        [
            pytest.param(a_machine(labels={}), id="no tag"),
            pytest.param(a_machine(labels={"gpuwright.dev/cluster": CLUSTER}), id="half a tag"),
            pytest.param(of(Owner("another-cluster", "team-a", "t", "uid-1")), id="another cluster's"),
            pytest.param(of(Owner(CLUSTER, "team-b", "t", "uid-1")), id="another namespace's"),
            pytest.param(of(OWNER, state=MachineState.GONE), id="gone"),
            pytest.param(of(OWNER, state=MachineState.PREEMPTED), id="preempted"),
        ],
    )
    def test_are_never_what_a_namespaced_provider_has_no_business_with(self, machine: Machine) -> None:
        assert own_machines([machine], CLUSTER, "team-a") == ()

    def test_of_a_cluster_provider_are_of_all_namespaces(self) -> None:
        machine = of(Owner(CLUSTER, "team-b", "t", "uid-1"))
        assert own_machines([machine], CLUSTER, "") == (machine,)

    @pytest.mark.parametrize("state", [state for state in MachineState if state not in {"Gone", "Preempted"}])
    def test_are_all_that_may_bill(self, state: MachineState) -> None:
        assert own_machines([of(OWNER, state=state)], CLUSTER, "team-a")

    def test_have_an_owner_and_an_id_of_which_nobody_knows(self) -> None:
        machine = of(OWNER)
        assert suspects([machine], frozenset(), Named()) == (machine,)
        assert suspects([machine], frozenset({OWNER.uid}), Named()) == ()
        assert suspects([machine], frozenset(), Named(kept=frozenset({machine.id}))) == ()
        assert suspects([machine], frozenset(), Named(adopting=frozenset({machine.id}))) == (machine,)


class TestWhoSpeaksForAMachine:
    def test_is_whoever_records_it(self) -> None:
        assert named_in([an_instance(machine="i-1")], {}, HERE).kept == {"i-1"}

    def test_is_whoever_wants_to_adopt_it(self) -> None:
        wanting = an_instance(annotations={"gpuwright.dev/adopt": "i-1"})
        assert named_in([wanting], {}, HERE) == Named(adopting=frozenset({"i-1"}))

    @pytest.mark.parametrize(
        ("place", "kept"),
        [
            pytest.param(HERE, True, id="here"),
            pytest.param("", True, id="unknown"),
            pytest.param("0", False, id="there"),
        ],
    )
    def test_is_looked_for_at_this_place(self, place: str, kept: bool) -> None:
        """Two gateways may have the same id for two machines."""
        status = {"retained": [{"id": "i-2"}]} | ({"place": place} if place else {})
        named = named_in([an_instance(machine="i-1")], {GATEWAY: {"status": status}}, HERE)
        assert named.kept == ({"i-1", "i-2"} if kept else set())

    def test_is_another_provider_object_of_this_place_too(self) -> None:
        other = Key("ComputeProvider", "team-b", "gateway")
        retaining = {other: {"status": {"place": HERE, "retained": [{"id": "i-7"}]}}}
        assert named_in([], retaining, HERE).kept == {"i-7"}


class TestAnOwner:
    @pytest.mark.parametrize(
        ("watched", "namespace", "name", "asked"),
        [
            pytest.param((), "team-a", "trainer-0", True, id="everything is watched"),
            pytest.param(("team-a",), "team-a", "trainer-0", True, id="watched"),
            pytest.param(("team-b",), "team-a", "trainer-0", False, id="not watched"),
            pytest.param((), "team-a", "a.b", True, id="a dot"),
            pytest.param((), "team-a", "../../secrets/x", False, id="a path"),
            pytest.param((), "team-a", "a..b", False, id="two dots"),
            pytest.param((), "team-a", "a?x=1", False, id="a query"),
            pytest.param((), "Team", "trainer-0", False, id="no namespace"),
            pytest.param((), "team-a", "", False, id="no name"),
        ],
    )
    def test_is_asked_for_where_it_can_be(
        self, watched: tuple[str, ...], namespace: str, name: str, asked: bool
    ) -> None:
        assert may_be_asked_for(Owner(CLUSTER, namespace, name, "uid-1"), watched) is asked

    @pytest.mark.parametrize(
        ("body", "standing"),
        [
            pytest.param(an_instance(uid=OWNER.uid), Standing.LIVES, id="the same"),
            pytest.param(an_instance(), Standing.UNDECIDED, id="made again, nothing on record"),
            pytest.param(an_instance(machine="i-8"), Standing.REPLACED, id="made again, with a machine"),
        ],
    )
    def test_is_the_object_with_its_uid(self, body: dict[str, Any], standing: Standing) -> None:
        assert standing_of(OWNER, body) is standing

    @pytest.mark.parametrize(("send", "standing"), [(0, Standing.UNDECIDED), (1, Standing.REPLACED)])
    def test_that_was_made_again_has_decided_once_it_has_sent(self, send: int, standing: Standing) -> None:
        body = an_instance() | {"status": {"launch": {"send": send}}}
        assert standing_of(OWNER, body) is standing


class TestASweep:
    def test_counts_how_often_it_was_said_in_a_row(self) -> None:
        (machine,) = numbered(1)
        found: dict[str, Orphan] = {}
        rows = []
        answers = (Standing.GONE, Standing.GONE, Standing.NOT_KNOWN, Standing.REPLACED)
        for number, standing in enumerate(answers):
            found = after_sweep(found, [(machine, standing)], Named(), Times(100.0 * number, MOMENT))
            rows.append(found[machine.id].sweeps)
        assert rows == [1, 2, 0, 1]
        assert found[machine.id].since == 0.0

    @pytest.mark.parametrize("standing", [Standing.LIVES, None], ids=["lives", "not listed"])
    def test_forgets_what_has_an_owner_or_is_gone(self, standing: Standing | None) -> None:
        (machine,) = numbered(1)
        found = after_sweep(ripe(1), [(machine, standing)] if standing else [], Named(), Times(1.0, MOMENT))
        assert found == {}

    def test_finds_nobody_without_an_answer(self) -> None:
        (machine,) = numbered(1)
        assert after_sweep({}, [(machine, Standing.NOT_KNOWN)], Named(), Times(0.0, MOMENT)) == {}

    def test_tells_since_when_an_earlier_process_has_seen_it(self) -> None:
        (machine,) = numbered(1)
        times = Times(50.0, MOMENT, {machine.id: "2026-11-21T10:00:00Z"})
        found = after_sweep({}, [(machine, Standing.GONE)], Named(), times)[machine.id]
        assert (found.first_seen, found.since) == ("2026-11-21T10:00:00Z", 50.0)

    @pytest.mark.parametrize(
        ("standing", "adopting", "words"),
        [
            pytest.param(Standing.GONE, False, "", id="nobody"),
            pytest.param(Standing.REPLACED, False, "", id="a new object with a machine of its own"),
            pytest.param(Standing.UNDECIDED, False, UNDECIDED_WORDS, id="a restored object"),
            pytest.param(Standing.GONE, True, ADOPTING_WORDS, id="one that would adopt it"),
        ],
    )
    def test_leaves_to_a_person_what_a_person_decides(self, standing: Standing, adopting: bool, words: str) -> None:
        (machine,) = numbered(1)
        named = Named(adopting=frozenset({machine.id} if adopting else ()))
        found = after_sweep(ripe(1), [(machine, standing)], named, Times(9999.0, MOMENT))
        assert found[machine.id].kept == words
        assert bool(to_be_ended(found, DELETE, 9, 9999.0)) is not bool(words)


class TestWhatIsEnded:
    @pytest.mark.parametrize(("age", "ended"), [(599.9, 0), (600.0, 1), (600.1, 1)])
    def test_has_been_seen_for_long_enough(self, age: float, ended: int) -> None:
        assert len(to_be_ended(ripe(1), DELETE, 9, age)) == ended

    @pytest.mark.parametrize(("sweeps", "ended"), [(0, 0), (1, 0), (2, 1), (3, 1)])
    def test_was_found_twice_in_a_row(self, sweeps: int, ended: int) -> None:
        assert len(to_be_ended(ripe(1, sweeps=sweeps), DELETE, 9, 9999.0)) == ended

    def test_is_nothing_where_the_sweep_only_reports(self) -> None:
        assert to_be_ended(ripe(1), REPORT, 9, 9999.0) == ()

    @pytest.mark.parametrize(
        ("orphans", "machines", "many"),
        [(2, 2, False), (3, 3, True), (3, 29, True), (3, 30, False), (10, 100, False), (11, 100, True)],
    )
    def test_is_nothing_where_too_many_look_like_it(self, orphans: int, machines: int, many: bool) -> None:
        assert are_too_many(orphans, machines) is many
        assert len(to_be_ended(ripe(orphans), DELETE, machines, 9999.0)) == (0 if many else orphans)

    @pytest.mark.parametrize(("most", "ended"), [(1, 1), (10, 10), (20, 15)])
    def test_is_no_more_than_the_spec_allows_at_once_and_the_oldest_first(self, most: int, ended: int) -> None:
        found = {key: Orphan(o.machine, float(n), MOMENT, 2) for n, (key, o) in enumerate(reversed(ripe(15).items()))}
        policy = Sweep.model_validate({"mode": "Delete", "maxPerPass": most})
        doomed = to_be_ended(found, policy, 1000, 9999.0)
        assert len(doomed) == ended
        assert [orphan.since for orphan in doomed] == [float(n) for n in range(ended)]

    def test_is_announced_once_and_taken_back_where_it_does_not_come(self) -> None:
        found = ripe(2)
        announced = with_endings(found, [found["i-0"]], MOMENT)
        assert [orphan.ending for orphan in announced.values()] == [MOMENT, ""]
        again = with_endings(announced, [found["i-0"]], "2026-11-22T11:00:00Z")
        assert [orphan.ending for orphan in again.values()] == [MOMENT, ""]
        assert [orphan.ending for orphan in with_endings(announced, [], MOMENT).values()] == ["", ""]


class TestStatus:
    def test_shows_what_an_earlier_process_found_until_the_first_sweep(self) -> None:
        before = {"orphans": [{"id": "i-1"}], "orphanCount": 1, "leaks": []}
        assert orphan_status(Sweeping(), before) == {"orphans": [{"id": "i-1"}], "orphanCount": 1}
        assert orphan_status(Sweeping(done=True), before) == {}

    def test_shows_twenty_and_counts_all_those_first_whose_end_is_announced(self) -> None:
        found = ripe(MAX_ORPHANS + 5)
        found = with_endings(found, [found["i-24"]], MOMENT)
        status = orphan_status(Sweeping(done=True, orphans=found), {})
        assert (len(status["orphans"]), status["orphanCount"]) == (MAX_ORPHANS, MAX_ORPHANS + 5)
        assert (status["orphans"][0]["id"], status["orphans"][0]["endingTime"]) == ("i-24", MOMENT)

    def test_leaves_out_what_is_not_known(self) -> None:
        (orphan,) = ripe(1).values()
        assert orphan.body() == {
            "id": "i-0",
            "name": "t-0",
            "owner": "team-a/t-0",
            "ownerUID": "uid-0",
            "firstSeenTime": MOMENT,
        }

    def test_does_not_move_by_the_clock_alone(self) -> None:
        found = ripe(1)
        later = after_sweep(found, [(numbered(1)[0], Standing.GONE)], Named(), Times(5000.0, "2026-11-22T12:00:00Z"))
        assert orphan_status(Sweeping(done=True, orphans=later), {}) == orphan_status(
            Sweeping(done=True, orphans=found), {}
        )


class TestTheCondition:
    def reason(self, sweeping: Sweeping, policy: Sweep, before: dict[str, Any] | None = None) -> tuple[str, str] | None:
        found = orphaned(sweeping, policy, before or {})
        return (str(found[0].status), str(found[0].reason)) if found else None

    def test_is_there_only_once_it_has_occurred(self) -> None:
        known = {"conditions": [{"type": str(ConditionType.ORPHANED), "status": "True", "reason": "OrphansFound"}]}
        assert self.reason(Sweeping(done=True), REPORT) is None
        assert self.reason(Sweeping(done=True), REPORT, known) == (Status.FALSE, Reason.SETTLED)

    @pytest.mark.parametrize(
        ("policy", "too_many", "reason"),
        [
            pytest.param(REPORT, False, Reason.ORPHANS_FOUND, id="reported"),
            pytest.param(DELETE, False, Reason.ORPHANS_FOUND, id="will be ended"),
            pytest.param(DELETE, True, Reason.TOO_MANY_ORPHANS, id="too many"),
        ],
    )
    def test_says_what_is_done_about_them(self, policy: Sweep, too_many: bool, reason: Reason) -> None:
        sweeping = Sweeping(done=True, orphans=ripe(1), too_many=too_many)
        assert self.reason(sweeping, policy) == (Status.TRUE, reason)

    def test_stays_as_it_was_until_the_first_sweep(self) -> None:
        known = {"conditions": [{"type": "Orphaned", "status": "True", "reason": "TooManyOrphans", "message": "many"}]}
        (found,) = orphaned(Sweeping(), DELETE, known)
        assert (found.status, found.reason, found.message) == (Status.TRUE, Reason.TOO_MANY_ORPHANS, "many")
