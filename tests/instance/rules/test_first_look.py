"""Before anything is bought: an object without a record, a stranger of its name, a machine that a person names."""

from dataclasses import replace

import pytest
from tests.builders import (
    N_R2,
    NOW,
    OWNER,
    REF,
    a_blind_provider_view,
    a_hindrance,
    a_machine,
    a_provider_view,
    a_snapshot,
    a_strangers_machine,
    a_witness,
    absent,
    an_observation,
    nothing_yet,
    shown,
)
from tests.instance.rules.answers import as_record, as_wait, launched

from gpuwright.instance.actions import Arms, AskList, LookAt, Wait
from gpuwright.instance.observation import Observation
from gpuwright.instance.rules.first_look import look_by_owner_first, record_first_where_nothing_can_be_read
from gpuwright.instance.witness import Witness
from gpuwright.model.conditions import Reason
from gpuwright.model.event_reasons import EventReason
from gpuwright.model.machine import MachineState
from gpuwright.model.memory import Outcome
from gpuwright.model.names import LABEL_OWNER, Owner, attempt_name, owner_labels, token


class TestLookByOwnerFirst:
    def test_passes_when_there_is_a_record(self) -> None:
        assert look_by_owner_first(an_observation()) is None

    def test_passes_where_nothing_can_be_read(self) -> None:
        assert look_by_owner_first(nothing_yet(provider=a_blind_provider_view())) is None

    def test_passes_when_the_list_shows_nothing_of_ours(self) -> None:
        assert look_by_owner_first(nothing_yet()) is None

    def test_asks_for_a_list_when_there_is_none(self) -> None:
        action = look_by_owner_first(nothing_yet(provider=a_provider_view(snapshot=None)))
        assert isinstance(action, AskList)
        assert action.provider == REF

    @pytest.mark.parametrize(
        ("began", "asks"),
        [
            pytest.param(NOW - 10.5, True, id="just before"),
            pytest.param(NOW - 10, False, id="at"),
            pytest.param(NOW - 9.5, False, id="just after"),
        ],
    )
    def test_the_list_must_begin_after_the_first_sight(self, began: float, asks: bool) -> None:
        view = a_provider_view(snapshot=a_snapshot(began=began))
        action = look_by_owner_first(nothing_yet(provider=view, witness=a_witness(first_seen=NOW - 10)))
        assert isinstance(action, AskList) is asks

    def test_a_list_from_before_adopts_nothing(self) -> None:
        view = a_provider_view(snapshot=a_snapshot(a_machine(), began=NOW - 10.5))
        action = look_by_owner_first(nothing_yet(provider=view, witness=a_witness(first_seen=NOW - 10)))
        assert isinstance(action, AskList)

    def test_says_why_there_is_no_list_while_the_provider_is_away(self) -> None:
        view = a_provider_view(snapshot=None, reachable=False, hindrance=a_hindrance())
        action = look_by_owner_first(nothing_yet(provider=view))
        assert action == Wait(Reason.PROVIDER_UNREACHABLE, "it does not answer", seconds=60)

    def test_says_so_while_the_provider_refuses_our_credentials(self) -> None:
        refused = a_hindrance(reason=Reason.CREDENTIALS_REJECTED, stalls=True)
        view = a_provider_view(snapshot=None, credentials_rejected=True, hindrance=refused)
        action = look_by_owner_first(nothing_yet(provider=view))
        assert action == Wait(Reason.CREDENTIALS_REJECTED, "it does not answer", seconds=60, stalled=True)

    def test_asks_a_provider_that_only_takes_no_creates(self) -> None:
        view = a_provider_view(snapshot=None, hindrance=a_hindrance(reason=Reason.PROVIDER_DRAINING))
        assert isinstance(look_by_owner_first(nothing_yet(provider=view)), AskList)

    @pytest.mark.parametrize(
        ("incarnation", "attempt"),
        [
            pytest.param(1, 1, id="the first"),
            pytest.param(1, 2, id="a second attempt"),
            pytest.param(3, 1, id="a replacement"),
            pytest.param(2, 12, id="a late attempt of a replacement"),
        ],
    )
    def test_adopts_what_is_found_with_the_counters_that_it_carries(self, incarnation: int, attempt: int) -> None:
        name = attempt_name(OWNER, incarnation, attempt)
        machine = a_machine(name=name, labels=owner_labels(OWNER, incarnation))
        action = as_record(look_by_owner_first(nothing_yet(provider=a_provider_view(snapshot=a_snapshot(machine)))))
        launch = launched(action)
        assert (launch.incarnation, launch.attempt, launch.name) == (incarnation, attempt, name)
        assert launch.token == token(OWNER, incarnation, attempt, 0)
        assert (launch.outcome, launch.settled, launch.adopted) == (Outcome.COMMITTED, True, False)
        assert action.memory.machine_id == "i-1"
        assert (action.event, action.arms) == (EventReason.ADOPTED, Arms.NOTHING)

    def test_adopts_the_oldest_of_several(self) -> None:
        younger = a_machine(id="i-2", name=N_R2, created="2026-11-21T23:50:00Z")
        view = a_provider_view(snapshot=a_snapshot(younger, a_machine()))
        assert as_record(look_by_owner_first(nothing_yet(provider=view))).memory.machine_id == "i-1"

    def test_does_not_adopt_the_dead(self) -> None:
        view = a_provider_view(snapshot=a_snapshot(a_machine(state=MachineState.GONE)))
        assert look_by_owner_first(nothing_yet(provider=view)) is None


class TestAStrangerOfTheSameName:
    earlier = Owner(OWNER.cluster, OWNER.namespace, OWNER.name, "uid-0")
    stranger = a_machine(id="i-0", name=attempt_name(earlier, 1, 1), labels=owner_labels(earlier, 1))

    def look(self, **view: object) -> object:
        return look_by_owner_first(
            nothing_yet(provider=a_provider_view(**{"snapshot": a_snapshot(self.stranger)} | view))
        )

    def test_stops_the_create_and_says_how_to_go_on(self) -> None:
        action = as_wait(self.look())
        assert (action.reason, action.seconds, action.stalled) == (Reason.NAME_CONFLICT, 30, True)
        assert "gpuwright.dev/adopt=i-0" in action.message

    def test_is_none_when_it_was_kept_on_purpose(self) -> None:
        assert self.look(retained_ids=frozenset({"i-0"})) is None

    def test_is_none_when_it_is_a_known_leak(self) -> None:
        assert self.look(leaked_names=frozenset({self.stranger.name})) is None

    def test_is_none_when_it_is_dead(self) -> None:
        assert self.look(snapshot=a_snapshot(replace(self.stranger, state=MachineState.GONE))) is None

    def test_is_none_when_it_is_of_another_cluster(self) -> None:
        other = replace(self.earlier, cluster="other-cluster")
        assert self.look(snapshot=a_snapshot(replace(self.stranger, labels=owner_labels(other, 1)))) is None

    def test_is_none_when_it_has_another_name(self) -> None:
        labels = {**self.stranger.labels, LABEL_OWNER: "team-a.trainer-1"}
        assert self.look(snapshot=a_snapshot(replace(self.stranger, labels=labels))) is None


class TestAdoptionByAnnotation:
    untagged = a_machine(id="i-7", name="by-hand", labels={})

    def look(
        self, wanted: str = "i-7", *, witness: Witness | None = None, alive: bool = False, **view: object
    ) -> object:
        return look_by_owner_first(
            nothing_yet(
                provider=a_provider_view(**{"snapshot": a_snapshot(self.untagged)} | view),
                instance={"annotations": {"gpuwright.dev/adopt": wanted}},
                witness=witness or a_witness(),
                other_owner_alive=alive,
            )
        )

    def test_takes_over_the_machine_as_the_first(self) -> None:
        action = as_record(self.look())
        launch = launched(action)
        assert (launch.incarnation, launch.attempt, launch.name) == (1, 1, "by-hand")
        assert (launch.outcome, launch.settled, launch.adopted) == (Outcome.COMMITTED, True, True)
        assert (action.memory.machine_id, action.event) == ("i-7", EventReason.ADOPTED)

    def test_takes_over_a_machine_that_only_a_direct_look_shows(self) -> None:
        witness = a_witness(trails={"i-7": shown(self.untagged, direct=True)})
        assert as_record(self.look(snapshot=a_snapshot(), witness=witness)).memory.machine_id == "i-7"

    @pytest.mark.parametrize(
        ("ago", "looks"),
        [
            pytest.param(29.0, False, id="just before"),
            pytest.param(30.0, True, id="at"),
            pytest.param(31.0, True, id="just after"),
        ],
    )
    def test_looks_again_after_half_a_minute(self, ago: float, looks: bool) -> None:
        action = self.look(snapshot=a_snapshot(), witness=a_witness(trails={"i-7": absent(NOW - ago)}))
        assert (action == LookAt(REF, "i-7")) is looks

    def test_looks_directly_at_what_the_list_does_not_show(self) -> None:
        assert self.look(snapshot=a_snapshot()) == LookAt(REF, "i-7")

    def test_takes_over_the_machine_of_an_owner_that_is_gone(self) -> None:
        gone = replace(self.untagged, labels=owner_labels(replace(OWNER, uid="uid-0"), 4))
        assert launched(self.look(snapshot=a_snapshot(gone))).incarnation == 1

    def test_refuses_what_does_not_exist(self) -> None:
        self.refused(
            self.look(snapshot=a_snapshot(), witness=a_witness(trails={"i-7": absent(NOW - 1)})), "no machine i-7"
        )

    def test_refuses_the_machine_of_an_owner_that_lives(self) -> None:
        self.refused(self.look("i-theirs", alive=True, snapshot=a_snapshot(a_strangers_machine())), "team-b/theirs")

    def test_refuses_what_another_instance_records(self) -> None:
        self.refused(self.look(recorded_elsewhere={"i-7": "team-b/theirs"}), "recorded by team-b/theirs")

    def test_refuses_where_the_provider_allows_no_adoption(self) -> None:
        self.refused(self.look(adoption_allowed=False, cluster_scoped=True), "spec.adoption")

    def test_refuses_what_is_tagged_for_another_namespace_at_a_cluster_provider(self) -> None:
        self.refused(
            self.look("i-theirs", cluster_scoped=True, snapshot=a_snapshot(a_strangers_machine())), "another namespace"
        )

    def refused(self, action: object, words: str) -> None:
        wait = as_wait(action)
        assert (wait.reason, wait.seconds, wait.stalled) == (Reason.NAME_CONFLICT, 30, True)
        assert words in wait.message


class TestRecordFirstWhereNothingCanBeRead:
    def test_writes_a_record_that_says_nothing_was_sent(self) -> None:
        seen = nothing_yet(provider=a_blind_provider_view(), instance={"finalized": False})
        launch = launched(record_first_where_nothing_can_be_read(seen))
        assert (launch.send, launch.outcome, launch.name) == (0, Outcome.NOT_EXECUTED, "")

    def test_stalls_when_the_record_is_lost(self) -> None:
        action = as_wait(record_first_where_nothing_can_be_read(nothing_yet(provider=a_blind_provider_view())))
        assert (action.reason, action.stalled) == (Reason.RECORD_LOST, True)

    @pytest.mark.parametrize(
        "seen",
        [
            pytest.param(nothing_yet(), id="it can be read"),
            pytest.param(nothing_yet(providers={}), id="no provider"),
            pytest.param(an_observation(provider=a_blind_provider_view()), id="there is a record"),
        ],
    )
    def test_passes_otherwise(self, seen: Observation) -> None:
        assert record_first_where_nothing_can_be_read(seen) is None
