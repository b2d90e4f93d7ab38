"""What a process knows of one instance beyond its status: looks, their order, and first sights."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.builders import (
    N_R2,
    NOW,
    OWNER,
    REF,
    N,
    a_launch,
    a_machine,
    a_strangers_machine,
    a_witness,
    absent,
    an_ending,
    an_unsettled_launch,
    shown,
)

from gpuwright.instance.witness import KEPT_LOOKS, Absence, Trail, Witness
from gpuwright.model.machine import Absent, MachineState, Present, Sighting, Tombstone
from gpuwright.model.memory import Memory, Outcome

FRESH = Witness(first_seen=NOW - 1000)


class TestTrail:
    @pytest.mark.parametrize("direct", [pytest.param(True, id="direct"), pytest.param(False, id="list")])
    def test_a_look_that_shows_the_machine_empties_the_absences(self, direct: bool) -> None:
        trail = absent(1, 2, 3).present(4, a_machine(), direct=direct)
        assert (trail.absences, trail.shown, trail.machine) == ((), 4, a_machine())

    @pytest.mark.parametrize(
        ("began", "counts"),
        [
            pytest.param(9.5, False, id="just before the newest"),
            pytest.param(10.0, True, id="at the newest"),
            pytest.param(10.5, True, id="just after the newest"),
        ],
    )
    def test_a_look_that_shows_it_counts_unless_a_newer_one_missed_it(self, began: float, counts: bool) -> None:
        before = absent(10)
        assert (before.present(began, a_machine(), direct=True) != before) is counts

    @pytest.mark.parametrize(
        ("began", "counts"),
        [
            pytest.param(9.5, False, id="just before the newest"),
            pytest.param(10.0, True, id="at the newest"),
            pytest.param(10.5, True, id="just after the newest"),
        ],
    )
    def test_a_look_that_misses_it_counts_unless_a_newer_one_showed_it(self, began: float, counts: bool) -> None:
        before = shown(began=10)
        assert (before.absent(began, direct=True) != before) is counts

    def test_what_was_shown_last_stays_known_while_it_is_absent(self) -> None:
        trail = shown(began=1).absent(2, direct=True)
        assert (trail.shown, trail.machine) == (1, a_machine())

    def test_the_same_look_counts_once(self) -> None:
        assert absent(5, 5) == absent(5)

    def test_a_list_and_a_direct_look_that_began_together_are_two(self) -> None:
        trail = absent(5, direct=False).absent(5, direct=True)
        assert trail.absences == (Absence(5, direct=False), Absence(5, direct=True))

    def test_only_direct_looks_say_when_was_looked(self) -> None:
        assert absent(5, direct=False).looked is None
        assert shown(began=5).looked is None
        assert absent(5).absent(6, direct=False).looked == 5
        assert absent(5).present(6, a_machine(), direct=True).looked == 6

    def test_a_tombstone_is_an_absence_and_stays(self) -> None:
        trail = Trail().buried(5, "i-1")
        assert trail.absences == (Absence(5, direct=True),)
        later = trail.present(6, a_machine(id="i-2"), direct=True).buried(7, "i-2")
        assert (later.tombstones, later.tombstone_began) == (frozenset({"i-1", "i-2"}), 7)

    def test_an_unknown_name_has_no_newest_look(self) -> None:
        assert Trail().newest is None

    @given(st.lists(st.floats(0.01, 100), min_size=KEPT_LOOKS + 1, max_size=KEPT_LOOKS * 4))
    def test_a_long_row_of_absences_keeps_its_ends_and_is_cut_between_them(self, gaps: list[float]) -> None:
        moments = [sum(gaps[: i + 1]) for i in range(len(gaps))]
        row = absent(*moments).absences
        assert len(row) == KEPT_LOOKS
        assert (row[0].began, row[-1].began) == (moments[0], moments[-1])
        assert all(a.began < b.began for a, b in pairwise(row))

    @pytest.mark.parametrize("pause", [0.5, 1.0, 10.0])
    def test_a_proof_that_begins_anywhere_ends_however_many_looks_there_are(self, pause: float) -> None:
        # Were the row cut at one place always, the first look after `since` would move on as fast as time does.
        since, span, trail = 500.0, 60.0, Trail()
        moment = 0.0
        while moment <= since + 2 * span:
            trail = trail.absent(moment, direct=True)
            moment += pause
        counted = [look.began for look in trail.absences if look.began >= since]
        assert counted[-1] - counted[0] >= span


class TestAfterLook:
    def after(self, sighting: Sighting, *, counts: bool = True) -> Trail:
        return FRESH.after_look(N, NOW, sighting, OWNER.uid, counts=counts).trail(N)

    @pytest.mark.parametrize(
        "machine",
        [pytest.param(a_machine(), id="tagged as ours"), pytest.param(a_machine(labels={}), id="without a tag")],
    )
    def test_shows_a_machine_of_ours(self, machine: object) -> None:
        assert isinstance(machine, type(a_machine()))
        assert self.after(Present(machine)) == shown(machine, NOW, direct=True)

    def test_counts_a_foreign_holder_of_the_name_as_absent(self) -> None:
        assert self.after(Present(a_strangers_machine())) == replace(absent(NOW), stranger=True)

    @pytest.mark.parametrize(
        "later", [pytest.param(Absent(), id="absent"), pytest.param(Present(a_machine()), id="ours")]
    )
    def test_forgets_a_foreign_holder_that_is_gone(self, later: Sighting) -> None:
        held = FRESH.after_look(N, NOW - 1, Present(a_strangers_machine()), OWNER.uid, counts=True)
        assert not held.after_look(N, NOW, later, OWNER.uid, counts=True).trail(N).stranger

    def test_keeps_a_tombstone(self) -> None:
        assert self.after(Tombstone("i-1")) == Trail().buried(NOW, "i-1")

    def test_counts_an_absence(self) -> None:
        assert self.after(Absent()) == absent(NOW)

    @pytest.mark.parametrize(
        ("sighting", "stranger"),
        [
            pytest.param(Absent(), False, id="absent"),
            pytest.param(Present(a_strangers_machine()), True, id="a foreign holder"),
        ],
    )
    def test_notes_only_that_was_looked_while_absence_proves_nothing(self, sighting: Sighting, stranger: bool) -> None:
        assert self.after(sighting, counts=False) == Trail(looked=NOW, stranger=stranger)

    def test_a_tombstone_counts_even_while_absence_proves_nothing(self) -> None:
        assert self.after(Tombstone("i-1"), counts=False).tombstones == {"i-1"}

    def test_leaves_other_names_alone(self) -> None:
        before = FRESH.with_trail(N_R2, absent(1))
        assert before.after_look(N, NOW, Absent(), OWNER.uid, counts=True).trail(N_R2) == absent(1)


class TestAfterList:
    def test_shows_and_misses_names(self) -> None:
        after = FRESH.after_list(REF, NOW, {N: a_machine()}, [N, N_R2], counts=True)
        assert after.trail(N) == shown(began=NOW)
        assert after.trail(N_R2) == absent(NOW, direct=False)

    def test_misses_nothing_while_absence_proves_nothing(self) -> None:
        after = FRESH.after_list(REF, NOW, {}, [N], counts=False)
        assert after.trail(N) == Trail()

    def test_shows_what_it_shows_even_while_absence_proves_nothing(self) -> None:
        assert FRESH.after_list(REF, NOW, {N: a_machine()}, [N], counts=False).trail(N) == shown(began=NOW)

    @pytest.mark.parametrize(
        ("began", "counts"),
        [
            pytest.param(NOW - 0.5, False, id="just before the newest"),
            pytest.param(NOW, False, id="the newest again"),
            pytest.param(NOW + 0.5, True, id="just after the newest"),
        ],
    )
    def test_a_cached_list_is_one_look(self, began: float, counts: bool) -> None:
        before = FRESH.after_list(REF, NOW, {}, [N], counts=True)
        assert (before.after_list(REF, began, {}, [N], counts=True) != before) is counts


class TestSighted:
    launch = an_unsettled_launch(waited_seconds=30)

    def test_nothing_on_record_is_no_sight(self) -> None:
        assert FRESH.sighted(Memory(), NOW, 0) is FRESH

    def test_the_first_sight_takes_the_waited_time_from_the_record(self) -> None:
        sight = FRESH.sighted(Memory(self.launch), NOW, 7.0).sight
        assert sight is not None
        assert (sight.send, sight.outcome, sight.at, sight.base, sight.visible) == (1, "Unknown", NOW, 30, 7.0)

    def test_the_waited_time_is_read_once(self) -> None:
        before = FRESH.sighted(Memory(self.launch), NOW, 7.0)
        assert before.sighted(Memory(replace(self.launch, waited_seconds=60)), NOW + 30, 9.0) is before

    def test_intended_and_then_unknown_is_one_wait(self) -> None:
        intended = FRESH.sighted(Memory(replace(self.launch, outcome=Outcome.INTENDED, waited_seconds=0)), NOW, 7.0)
        sight = intended.sighted(Memory(self.launch), NOW + 5, 9.0).sight
        assert sight is not None
        assert (sight.outcome, sight.at, sight.base) == ("Unknown", NOW, 0)

    def test_another_send_begins_a_wait_of_its_own(self) -> None:
        again = replace(self.launch, send=2, outcome=Outcome.INTENDED, waited_seconds=0)
        sight = FRESH.sighted(Memory(self.launch), NOW, 7.0).sighted(Memory(again), NOW + 5, 9.0).sight
        assert sight is not None
        assert (sight.send, sight.at, sight.base, sight.visible) == (2, NOW + 5, 0, 9.0)

    def test_a_start_that_was_refused_to_one_machine_says_nothing_about_the_next(self) -> None:
        refused = replace(FRESH.sighted(Memory(self.launch), NOW, 7.0), power_refused="no GPU left on its host")
        assert refused.sighted(Memory(replace(self.launch, outcome=Outcome.COMMITTED)), NOW + 1, 8.0).power_refused
        again = replace(self.launch, send=2, outcome=Outcome.INTENDED, waited_seconds=0)
        assert refused.sighted(Memory(again), NOW + 5, 9.0).power_refused == ""

    @pytest.mark.parametrize("outcome", [Outcome.COMMITTED, Outcome.NOT_COMMITTED, Outcome.NOT_EXECUTED])
    def test_an_answer_is_a_sight_of_its_own(self, outcome: Outcome) -> None:
        sight = (
            FRESH.sighted(Memory(self.launch), NOW, 7.0).sighted(Memory(a_launch(outcome=outcome)), NOW + 5, 9.0).sight
        )
        assert sight is not None
        assert (sight.outcome, sight.at) == (str(outcome), NOW + 5)


def test_a_trail_that_stays_the_same_leaves_the_witness_the_same() -> None:
    witness = a_witness(a_launch())
    assert witness.with_trail(N, witness.trail(N)) is witness


class TestRecord:
    """When this process came to know what is on record of the machine."""

    before = Memory(a_launch(), machine=a_machine().recorded())

    @pytest.mark.parametrize(
        "after",
        [
            before.with_machine(a_machine(state=MachineState.STOPPED)),
            before.with_launch(ending=an_ending()),
            Memory(a_launch()),
        ],
        ids=["the machine", "what is ending", "no machine any more"],
    )
    def test_counts_from_its_newest_change(self, after: Memory) -> None:
        known = FRESH.sighted(self.before, NOW, 0).sighted(self.before, NOW + 5, 0)
        assert known.recorded_at == NOW
        assert known.sighted(after, NOW + 9, 0).recorded_at == NOW + 9

    @pytest.mark.parametrize(("began", "outdated"), [(NOW - 1e-3, True), (NOW, False), (NOW + 1, False)])
    def test_outdates_the_looks_before_it(self, began: float, outdated: bool) -> None:
        known = FRESH.sighted(self.before, NOW, 0).with_trail(N, shown(a_machine(), began))
        assert known.is_outdated(N) is outdated
        assert not known.is_outdated(N_R2), "a name that was never looked for"
