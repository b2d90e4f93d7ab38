"""Pages of lists: in full and well-formed, or nothing; what has not changed is not read again."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpuwright.adapters import gateway_lists
from gpuwright.adapters.gateway_answers import machine_of
from gpuwright.adapters.gateway_lists import KnownMachines, page_of, raise_blind
from gpuwright.http_client import Answer
from gpuwright.model.errors import Blind
from gpuwright.model.machine import Machine, MachineState


def item(number: int = 1, **changes: Any) -> dict[str, Any]:
    return {"id": f"i-{number}", "name": f"trainer-{number}", "state": "running", **changes}


def page(*items: Any, cursor: Any = "", status: int = 200) -> Answer:
    return Answer(status, {}, {"items": list(items), "next_cursor": cursor})


class TestAPage:
    def test_has_machines_and_where_it_goes_on(self) -> None:
        machines, cursor = page_of(page(item(1), item(2), cursor="p2"), KnownMachines())
        assert ([machine.id for machine in machines], cursor) == (["i-1", "i-2"], "p2")

    def test_may_be_empty(self) -> None:
        assert page_of(page(), KnownMachines()) == ([], "")

    @pytest.mark.parametrize(
        "answer",
        [
            pytest.param(page(item(1), {}), id="an item that is no machine"),
            pytest.param(page(item(1), None), id="an item that is nothing"),
            pytest.param(page(item(1), "i-2"), id="an item that is a word"),
            pytest.param(page(item(1, id=None)), id="a machine without an id"),
            pytest.param(page(item(1, name="")), id="a machine without a name"),
            pytest.param(page(item(1), cursor=None), id="no cursor"),
            pytest.param(page(item(1), cursor=2), id="a cursor that is a number"),
            pytest.param(Answer(200, {}, {"items": {}, "next_cursor": ""}), id="items that are no list"),
            pytest.param(Answer(200, {}, {"next_cursor": ""}), id="no items"),
            pytest.param(Answer(200, {}, []), id="a bare list"),
            pytest.param(Answer(200, {}, None), id="no JSON"),
            pytest.param(page(status=201), id="another success"),
            pytest.param(page(status=206), id="a partial answer"),
        ],
    )
    def test_that_is_not_well_formed_is_blind(self, answer: Answer) -> None:
        with pytest.raises(Blind) as caught:
            page_of(answer, KnownMachines())
        assert (caught.value.rejected, caught.value.unhealthy) == (False, False)


@pytest.mark.parametrize(
    ("status", "rejected", "unhealthy"),
    [
        (301, False, False),
        (400, False, False),
        (401, True, False),
        (403, True, False),
        (404, False, False),
        (429, False, False),
        (499, False, False),
        (500, False, True),
        (503, False, True),
        (599, False, True),
    ],
)
def test_an_answer_that_is_no_list_says_whose_fault_it_is(status: int, rejected: bool, unhealthy: bool) -> None:
    with pytest.raises(Blind, match=f"the gateway answered {status}: because") as caught:
        raise_blind(Answer(status, {}, {"error": {"code": "any", "message": "because"}}))
    assert (caught.value.rejected, caught.value.unhealthy) == (rejected, unhealthy)


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [(429, {"retry-after": "30"}, 30.0), (429, {}, None), (503, {"retry-after": "30"}, None)],
    ids=["throttled", "throttled for nobody knows how long", "not well"],
)
def test_who_throttles_a_list_says_for_how_long(status: int, headers: dict[str, str], seconds: float | None) -> None:
    with pytest.raises(Blind) as caught:
        raise_blind(Answer(status, headers, {"error": {"code": "rate_limited", "message": "slowly"}}))
    assert caught.value.retry_after == seconds


class TestKnownMachines:
    def test_are_read_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        read: list[Any] = []

        def reading(body: Any) -> Machine | None:
            read.append(body)
            return machine_of(body)

        monkeypatch.setattr(gateway_lists, "machine_of", reading)
        known = KnownMachines()
        for _ in range(3):
            known.machine(item(1))
            known.machine(item(2))
            known.forget_the_rest()
        assert len(read) == 2

    def test_are_read_again_when_anything_has_changed(self) -> None:
        known = KnownMachines()
        known.machine(item(1))
        known.forget_the_rest()
        machine = known.machine(item(1, state="preempted"))
        assert machine is not None
        assert machine.state is MachineState.PREEMPTED

    def test_are_forgotten_when_a_list_does_not_show_them(self) -> None:
        known = KnownMachines()
        for number in range(1000):
            known.machine(item(number))
        known.forget_the_rest()
        known.machine(item(1))
        known.forget_the_rest()
        assert len(known._machines) == 1

    @given(
        st.lists(
            st.tuples(st.integers(0, 3), st.sampled_from(["running", "stopped", "deleting"]), st.booleans()),
            max_size=30,
        )
    )
    def test_never_show_what_is_not_there_any_more(self, steps: list[tuple[int, str, bool]]) -> None:
        known = KnownMachines()
        for number, state, ends in steps:
            body = item(number, state=state)
            assert known.machine(body) == machine_of(body)
            if ends:
                known.forget_the_rest()

    @pytest.mark.parametrize("body", [None, 7, "i-1", [], {}, {"id": ["i-1"]}], ids=repr)
    def test_are_not_made_of_something_else(self, body: Any) -> None:
        assert KnownMachines().machine(body) is None
