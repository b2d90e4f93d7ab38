"""What nobody else remembers survives the status: written and read again, it is the same."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpuwright.model.memory import (
    Ending,
    EndingReason,
    Launch,
    Memory,
    Outcome,
    ProviderRef,
    Residue,
    parse_memory,
)

TEXT = st.text(max_size=20)
COUNTS = st.integers(0, 10**6)
REFS = st.builds(ProviderRef, st.sampled_from(["ComputeProvider", "ClusterComputeProvider"]), TEXT)
ENDINGS = st.builds(Ending, st.sampled_from(EndingReason), st.lists(TEXT, max_size=3).map(tuple), TEXT)
LAUNCHES = st.builds(
    Launch,
    incarnation=COUNTS,
    attempt=COUNTS,
    name=TEXT,
    token=TEXT,
    request_hash=TEXT,
    provider=REFS,
    placement=COUNTS,
    place=TEXT,
    send=COUNTS,
    sent_by=TEXT,
    intended=TEXT,
    settle_seconds=COUNTS,
    outcome=st.sampled_from(Outcome),
    waited_seconds=COUNTS,
    capacity_waited_seconds=COUNTS,
    settled=st.booleans(),
    resent=st.booleans(),
    conflict=st.booleans(),
    adopted=st.booleans(),
    reason=TEXT,
    message=TEXT,
    ending=st.none() | ENDINGS,
)
RESIDUES = st.builds(Residue, TEXT, REFS, TEXT, COUNTS, TEXT)
MEMORIES = st.builds(
    Memory,
    launch=st.none() | LAUNCHES,
    residue=st.lists(RESIDUES, max_size=3).map(tuple),
    machine=st.dictionaries(TEXT, TEXT, max_size=3),
    attempts=st.lists(st.dictionaries(TEXT, TEXT, max_size=2), max_size=2).map(tuple),
    replacements=COUNTS,
    handled_request=TEXT,
)
LAUNCH = Launch(1, 1, "n", "t", "h", ProviderRef("ComputeProvider", "g"), 0, "p", 1, "us", "then", 97, Outcome.UNKNOWN)


def written(memory: Memory) -> dict[str, Any]:
    """Return the memory as a status has it."""
    return {
        "launch": memory.launch.body() if memory.launch else None,
        "residue": [entry.body() for entry in memory.residue],
        "machine": memory.machine,
        "attempts": list(memory.attempts),
        "replacements": memory.replacements,
        "lastHandledReconcileAt": memory.handled_request,
    }


@given(MEMORIES)
def test_what_is_written_is_read_again(memory: Memory) -> None:
    assert parse_memory(written(memory)) == memory


@pytest.mark.parametrize(
    "status",
    [
        pytest.param({}, id="no status"),
        pytest.param({"launch": {}, "residue": [], "machine": {}}, id="empty blocks"),
        pytest.param({"launch": None, "residue": None, "machine": None, "attempts": None}, id="nulls"),
    ],
)
def test_an_empty_status_is_an_empty_memory(status: dict[str, Any]) -> None:
    assert parse_memory(status) == Memory()


@pytest.mark.parametrize("field", sorted(set(LAUNCH.body()) - {"waitedSeconds"}))
def test_a_launch_record_that_lacks_a_field_is_damaged(field: str) -> None:
    body = {key: value for key, value in LAUNCH.body().items() if key != field}
    with pytest.raises(KeyError, match=field):
        parse_memory({"launch": body})


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"outcome": "Perhaps"}, id="an outcome that does not exist"),
        pytest.param({"send": "many"}, id="a count that is none"),
        pytest.param({"ending": {"reason": "Bored"}}, id="an ending that does not exist"),
    ],
)
def test_a_launch_record_that_cannot_be_read_is_damaged(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_memory({"launch": LAUNCH.body() | wrong})


def test_what_is_at_its_zero_is_left_out_of_the_status() -> None:
    assert not {"ending", "settled", "conflict", "resent", "adopted", "reason", "message"} & set(LAUNCH.body())
    assert LAUNCH.body()["waitedSeconds"] == 0


@pytest.mark.parametrize("outcome", Outcome)
def test_only_what_nobody_told_us_is_unsettled(outcome: Outcome) -> None:
    launch = replace(LAUNCH, outcome=outcome)
    assert launch.unsettled is (outcome in {Outcome.INTENDED, Outcome.UNKNOWN})


@pytest.mark.parametrize("reason", EndingReason)
def test_only_some_endings_end_the_machine(reason: EndingReason) -> None:
    goes_on = reason in {EndingReason.DUPLICATE, EndingReason.POWER_OFF, EndingReason.SETTLING}
    assert replace(LAUNCH, ending=Ending(reason, ("n",))).ends is (None if goes_on else reason)


def test_names_are_those_of_the_launch_and_of_the_residue_once_each() -> None:
    def left(name: str) -> Residue:
        return Residue(name, LAUNCH.provider, "p", 0, "")

    assert Memory().names == ()
    assert Memory(launch=LAUNCH, residue=(left("n"), left("m"))).names == ("n", "m")
    assert Memory(launch=replace(LAUNCH, name=""), residue=(left("m"),)).names == ("m",)


def test_a_launch_that_is_not_there_cannot_be_changed() -> None:
    with pytest.raises(TypeError, match="no launch record"):
        Memory().with_launch(settled=True)


@pytest.mark.parametrize(
    ("kind", "label"),
    [
        pytest.param("ComputeProvider", "team-a/gateway", id="of a namespace"),
        pytest.param("ClusterComputeProvider", "gateway", id="of the cluster"),
    ],
)
def test_a_reference_means_one_provider_and_one_label(kind: str, label: str) -> None:
    assert str(ProviderRef(kind, "gateway").key("team-a")) == label
