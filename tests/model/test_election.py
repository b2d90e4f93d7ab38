"""Who leads: never two at the same moment, whatever gets lost, comes late or stands still."""

from dataclasses import replace

import pytest
from tests.model.election_search import Rules, search

from gpuwright.model import election
from gpuwright.model.election import LEASE_SECONDS, TERM_SECONDS, Election, LeaseRecord, Step, released

NOW = 1000.0
OTHERS = LeaseRecord("uid", "7", "other", transitions=3, acquired="then", renewed="then")
OURS = replace(OTHERS, holder="me")
FREE = replace(OTHERS, holder="", seconds=1)


def seen(record: LeaseRecord | None, at: float = NOW) -> Election:
    return Election("me").after_read(record, at)


def leading(at: float = NOW) -> Election:
    return seen(FREE).after_write(OURS, at)


class TestWhatComesNext:
    def test_nothing_is_written_before_the_lease_was_read(self) -> None:
        assert Election("me").step(NOW) is Step.READ

    def test_a_lease_that_never_was_is_created(self) -> None:
        assert seen(None).step(NOW) is Step.CREATE

    def test_a_lease_that_was_given_back_is_taken_at_once(self) -> None:
        assert seen(FREE).step(NOW) is Step.TAKE

    def test_anothers_lease_is_taken_when_it_has_not_changed_for_its_length_since_we_saw_it(self) -> None:
        first = seen(OTHERS)
        assert first.step(NOW + LEASE_SECONDS - 0.01) is Step.WAIT
        again = first.in_doubt().after_read(OTHERS, NOW + LEASE_SECONDS)
        assert again.step(NOW + LEASE_SECONDS) is Step.TAKE

    def test_the_times_that_stand_in_it_are_of_no_interest(self) -> None:
        ancient = replace(OTHERS, renewed="1970-01-01T00:00:00.000000Z")
        assert seen(ancient).step(NOW) is Step.WAIT

    def test_each_renewal_that_we_see_begins_the_wait_anew(self) -> None:
        renewed = seen(OTHERS).in_doubt().after_read(replace(OTHERS, version="8"), NOW + 14)
        assert renewed.step(NOW + 28) is Step.WAIT
        assert renewed.step(NOW + 29) is Step.TAKE

    def test_a_longer_lease_than_ours_is_waited_for(self) -> None:
        assert seen(replace(OTHERS, seconds=60)).step(NOW + 59) is Step.WAIT

    def test_our_own_lease_is_renewed_though_the_answer_to_the_take_was_lost(self) -> None:
        assert seen(OURS).step(NOW) is Step.RENEW
        assert not seen(OURS).leads(NOW), "not before an answer says so"


class TestTheTerm:
    def test_is_counted_from_before_the_request(self) -> None:
        leads = leading(NOW)
        assert leads.leads(NOW + TERM_SECONDS - 0.01)
        assert not leads.leads(NOW + TERM_SECONDS)

    def test_is_shorter_than_what_the_others_wait(self) -> None:
        assert TERM_SECONDS * 1.5 <= LEASE_SECONDS

    def test_once_it_is_over_we_are_lost_whatever_the_lease_says(self) -> None:
        over = leading(NOW).in_doubt().after_read(OURS, NOW + TERM_SECONDS)
        assert over.step(NOW + TERM_SECONDS) is Step.LOST

    def test_another_holder_ends_it(self) -> None:
        assert leading(NOW).in_doubt().after_read(OTHERS, NOW + 1).step(NOW + 1) is Step.LOST

    def test_a_lease_that_somebody_deletes_is_created_again_by_whoever_leads(self) -> None:
        assert leading(NOW).in_doubt().after_read(None, NOW + 1).step(NOW + 1) is Step.CREATE

    def test_a_standby_that_finds_the_lease_deleted_waits_for_the_term_that_may_still_run(self) -> None:
        found = seen(OTHERS).in_doubt().after_read(None, NOW + 20)
        assert found.step(NOW + 20) is Step.WAIT
        assert found.in_doubt().after_read(None, NOW + 35).step(NOW + 35) is Step.CREATE


class TestWhatIsWritten:
    def test_a_take_counts_a_transition(self) -> None:
        claim = seen(OTHERS).claim("now")
        assert claim["holderIdentity"] == "me"
        assert claim["leaseDurationSeconds"] == LEASE_SECONDS
        assert (claim["leaseTransitions"], claim["acquireTime"], claim["renewTime"]) == (4, "now", "now")

    def test_a_renewal_keeps_them_and_when_it_was_taken(self) -> None:
        claim = leading().claim("now")
        assert (claim["leaseTransitions"], claim["acquireTime"], claim["renewTime"]) == (3, "then", "now")

    def test_a_lease_that_was_made_by_hand_gets_a_time(self) -> None:
        assert replace(leading(), record=replace(OURS, acquired="")).claim("now")["acquireTime"] == "now"

    def test_the_first_one_counts_none(self) -> None:
        assert seen(None).claim("now")["leaseTransitions"] == 0

    def test_who_gives_it_back_leaves_no_holder_and_keeps_the_count(self) -> None:
        change = released("now")
        assert change["holderIdentity"] is None
        assert change["leaseDurationSeconds"] == 1
        assert "leaseTransitions" not in change


def the_course_in_which_two_lead(rules: Rules) -> list[str]:
    return search(rules)[1]


class TestEveryOrderOfEvents:
    """Two replicas, each request and answer lost or late in every combination.

    With a replica that ends and another that follows, a Lease that somebody deletes, and clocks that differ it takes
    minutes: `python -m tests.model.election_search`.
    """

    def test_two_never_lead_at_the_same_moment(self) -> None:
        scenes, course = search(Rules((5, 5)))
        assert course == []
        assert scenes > 5000, "fewer than that is no search"

    def test_a_clock_that_is_twice_as_fast_is_too_much(self) -> None:
        assert the_course_in_which_two_lead(Rules((2, 4)))[-1].endswith("is answered its Take")

    def test_a_lease_that_is_deleted_before_a_replica_has_ever_seen_it_is_not_waited_for(self) -> None:
        """A limit, which docs/operations.md names: a Lease that is not there looks the same as one that never was."""
        assert seen(None).step(NOW) is Step.CREATE


class TestTheSearchWouldFindIt:
    def test_a_term_that_is_longer_than_the_lease(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(election, "TERM_SECONDS", 20.0)
        assert the_course_in_which_two_lead(Rules((5, 5)))

    def test_a_term_that_is_counted_from_the_answer(self, monkeypatch: pytest.MonkeyPatch) -> None:
        real = Election.after_write
        monkeypatch.setattr(Election, "after_write", lambda self, record, _began: real(self, record, 0.0))
        assert the_course_in_which_two_lead(Rules((5, 5)))

    def test_a_standby_that_does_not_wait(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Election, "_rival_until", lambda _self, _record, _now: election.NEVER)
        assert the_course_in_which_two_lead(Rules((5, 5)))

    def test_a_standby_that_counts_from_when_it_began_and_not_from_the_last_renewal(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = Election._rival_until

        def first_sight_only(self: Election, record: LeaseRecord | None, now: float) -> float:
            return self.rival_until if self.record is not None else real(self, record, now)

        monkeypatch.setattr(Election, "_rival_until", first_sight_only)
        assert the_course_in_which_two_lead(Rules((5, 5)))

    def test_a_leader_that_believes_in_a_take_whose_answer_it_never_got(self, monkeypatch: pytest.MonkeyPatch) -> None:
        real = Election.after_read

        def believes(self: Election, record: LeaseRecord | None, now: float) -> Election:
            read = real(self, record, now)
            ours = record is not None and record.holder == self.me
            return replace(read, term_ends=now + TERM_SECONDS, led=True) if ours else read

        monkeypatch.setattr(Election, "after_read", believes)
        assert the_course_in_which_two_lead(Rules((5, 5)))
