"""Names, tokens and places: the same in every process, and never given twice."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpuwright.model.names import (
    MAX_NAME,
    Owner,
    attempt_name,
    attempt_of,
    canonical_hash,
    machine_place,
    owner_labels,
    owner_of,
    provider_place,
    token,
)

OWNER = Owner("cluster-uid", "team-a", "trainer-0", "uid-1")
DNS_1035 = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
COUNTERS = st.integers(1, 10**9)
OBJECT_NAMES = st.from_regex(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?", fullmatch=True)


def named(name: str) -> Owner:
    return replace(OWNER, name=name)


@pytest.mark.parametrize(
    ("incarnation", "attempt", "name"),
    [
        pytest.param(1, 1, "trainer-0-f8f65ce8de", id="the first is bare"),
        pytest.param(1, 2, "trainer-0-f8f65ce8de-r2", id="the first retry"),
        pytest.param(2, 1, "trainer-0-f8f65ce8de-g2", id="the first replacement"),
        pytest.param(3, 4, "trainer-0-f8f65ce8de-g3-r4", id="a retry of a replacement"),
    ],
)
def test_names_stay_as_they_are_on_record(incarnation: int, attempt: int, name: str) -> None:
    assert attempt_name(OWNER, incarnation, attempt) == name


@pytest.mark.parametrize(
    ("written", "readable"),
    [
        pytest.param("trainer", "trainer", id="as it is"),
        pytest.param("0-trainer", "m0-trainer", id="a leading digit"),
        pytest.param("a.b.c", "a-b-c", id="dots"),
        pytest.param("x" * 39, "x" * 39, id="just before the cut"),
        pytest.param("x" * 40, "x" * 40, id="at the cut"),
        pytest.param("x" * 41, "x" * 40, id="just after the cut"),
        pytest.param("x" * 253, "x" * 40, id="the longest"),
        pytest.param("9" * 253, "m" + "9" * 39, id="the longest of digits"),
        pytest.param("x" * 39 + ".y", "x" * 39, id="cut behind a dot"),
        pytest.param("Trainer_0", "trainer-0", id="what no API server lets through"),
    ],
)
def test_the_readable_part(written: str, readable: str) -> None:
    assert attempt_name(named(written), 1, 1) == f"{readable}-f8f65ce8de"


@given(OBJECT_NAMES, COUNTERS, COUNTERS)
def test_every_name_is_a_dns_label(name: str, incarnation: int, attempt: int) -> None:
    machine = attempt_name(named(name), incarnation, attempt)
    assert len(machine) <= MAX_NAME
    assert DNS_1035.fullmatch(machine)


@given(OBJECT_NAMES, COUNTERS, COUNTERS)
def test_a_name_tells_its_attempt(name: str, incarnation: int, attempt: int) -> None:
    assert attempt_of(attempt_name(named(name), incarnation, attempt)) == attempt


@given(OBJECT_NAMES, st.tuples(COUNTERS, COUNTERS), st.tuples(COUNTERS, COUNTERS))
def test_no_name_is_given_to_two_attempts(name: str, one: tuple[int, int], other: tuple[int, int]) -> None:
    owner = named(name)
    assert (attempt_name(owner, *one) == attempt_name(owner, *other)) is (one == other)
    assert (token(owner, *one, 0) == token(owner, *other, 0)) is (one == other)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(replace(OWNER, uid="uid-2"), id="another uid"),
        pytest.param(replace(OWNER, cluster="other"), id="another cluster"),
    ],
)
def test_owners_never_share_a_name_or_a_token(other: Owner) -> None:
    assert attempt_name(OWNER, 1, 1) != attempt_name(other, 1, 1)
    assert token(OWNER, 1, 1, 0) != token(other, 1, 1, 0)


@pytest.mark.parametrize(
    ("name", "attempt"),
    [
        pytest.param("trainer-0-f8f65ce8de", 1, id="bare"),
        pytest.param("trainer-0-f8f65ce8de-r17", 17, id="a retry"),
        pytest.param("trainer-r2-f8f65ce8de", 1, id="the object's own name looks like one"),
        pytest.param("by-hand", 1, id="not a name of ours"),
        pytest.param("", 1, id="empty"),
    ],
)
def test_the_attempt_of_a_name(name: str, attempt: int) -> None:
    assert attempt_of(name) == attempt


def test_tokens_stay_as_they_are_on_record() -> None:
    assert token(OWNER, 1, 1, 0) == "86eb8b29b2011c949e8e11e05239ea31"


def test_tokens_differ_by_placement() -> None:
    assert len({token(OWNER, 1, 1, placement) for placement in range(10)}) == 10


class TestPlace:
    here = ("Gateway", "https://gateway.example", "acct", "cluster-uid")

    def test_stays_as_it_is_on_record(self) -> None:
        assert provider_place(*self.here) == "e11c7809111612cb"

    @pytest.mark.parametrize("part", range(4), ids=["type", "endpoint", "account", "cluster"])
    def test_depends_on_each_of_its_parts(self, part: int) -> None:
        kind, endpoint, account, cluster = (f"{text}x" if i == part else text for i, text in enumerate(self.here))
        assert provider_place(kind, endpoint, account, cluster) != provider_place(*self.here)

    def test_parts_do_not_run_into_each_other(self) -> None:
        assert provider_place("G", "ab", "c", "") != provider_place("G", "a", "bc", "")

    @pytest.mark.parametrize("nothing", [None, ""])
    def test_without_region_and_zone_it_is_the_providers(self, nothing: str | None) -> None:
        assert machine_place("p", nothing, nothing) == "p"

    def test_region_and_zone_narrow_it(self) -> None:
        places = {machine_place("p", region, zone) for region in (None, "a", "b") for zone in (None, "a", "b")}
        assert len(places) == 9


class TestOwnerTag:
    @pytest.mark.parametrize("name", [pytest.param("trainer", id="plain"), pytest.param("a.b.c", id="with dots")])
    def test_is_read_as_it_was_written(self, name: str) -> None:
        assert owner_of(owner_labels(named(name), 3)) == named(name)

    @pytest.mark.parametrize("missing", ["gpuwright.dev/cluster", "gpuwright.dev/owner-uid", "gpuwright.dev/owner"])
    def test_half_a_tag_names_nobody(self, missing: str) -> None:
        labels = owner_labels(OWNER, 1)
        assert owner_of({key: value for key, value in labels.items() if key != missing}) is None
        assert owner_of(labels | {missing: ""}) is None

    def test_a_label_without_a_dot_names_nobody(self) -> None:
        assert owner_of(owner_labels(OWNER, 1) | {"gpuwright.dev/owner": "trainer"}) is None


@given(st.dictionaries(st.text(), st.one_of(st.integers(), st.text(), st.none())))
def test_a_hash_does_not_depend_on_the_order_of_keys(value: dict[str, object]) -> None:
    assert canonical_hash(dict(reversed(value.items()))) == canonical_hash(value)
    assert re.fullmatch("[0-9a-f]{32}", canonical_hash(value))
