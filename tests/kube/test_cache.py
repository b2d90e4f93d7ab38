"""The cache: a slow watch undoes nothing, and an object of the same name is another object."""

from typing import Any

import pytest

from gpuwright.kube import cache as cache_module
from gpuwright.kube.cache import ObjectCache
from gpuwright.model.resources import INSTANCES, PROVIDERS, Key

KIND = INSTANCES.kind
KEY = Key(KIND, "team-a", "trainer-0")


def body(version: int, uid: str = "uid-1", **more: Any) -> dict[str, Any]:
    metadata = {"name": "trainer-0", "namespace": "team-a", "uid": uid, "resourceVersion": str(version)}
    return {"metadata": metadata, **more}


@pytest.mark.parametrize(
    ("version", "uid", "news"),
    [
        pytest.param(9, "uid-1", False, id="just before"),
        pytest.param(10, "uid-1", False, id="the same"),
        pytest.param(11, "uid-1", True, id="just after"),
        pytest.param(9, "uid-2", False, id="an older object of the name"),
        pytest.param(11, "uid-2", True, id="a newer object of the name"),
        pytest.param(100, "uid-1", True, id="a number with more digits"),
    ],
)
def test_takes_in_what_is_newer(version: int, uid: str, news: bool) -> None:
    cache = ObjectCache()
    cache.put(KIND, body(10))
    assert cache.put(KIND, body(version, uid)) is news
    known = cache.get(KEY)
    assert known is not None
    assert known["metadata"]["resourceVersion"] == (str(version) if news else "10")


def test_knows_nothing_of_what_it_was_never_shown() -> None:
    assert ObjectCache().get(KEY) is None


def test_adds_the_kind_that_lists_leave_out_and_drops_what_only_costs_memory() -> None:
    cache = ObjectCache()
    shown = body(1)
    shown["metadata"]["managedFields"] = [{"manager": "kubectl"}]
    cache.put(KIND, shown)
    known = cache.get(KEY)
    assert known is not None
    assert known["kind"] == KIND
    assert "managedFields" not in known["metadata"]
    assert "managedFields" in shown["metadata"], "what was shown is left as it was"


def test_of_a_cluster_scoped_object_has_no_namespace_in_its_key() -> None:
    cache = ObjectCache()
    cache.put("ClusterComputeProvider", {"metadata": {"name": "shared", "uid": "u", "resourceVersion": "1"}})
    assert cache.get(Key("ClusterComputeProvider", "", "shared")) is not None


class TestRemoving:
    def test_forgets_the_object_and_returns_what_was_known_of_it(self) -> None:
        cache = ObjectCache()
        cache.put(KIND, body(10, status={"a": 1}))
        removed = cache.remove(KIND, body(12))
        assert removed is not None
        assert removed["status"] == {"a": 1}
        assert cache.get(KEY) is None

    def test_of_an_old_object_leaves_the_new_one_of_its_name(self) -> None:
        cache = ObjectCache()
        cache.put(KIND, body(10, "uid-2"))
        assert cache.remove(KIND, body(9, "uid-1")) is None
        assert cache.get(KEY) is not None

    def test_of_what_is_not_known_is_nothing(self) -> None:
        assert ObjectCache().remove(KIND, body(1)) is None

    def test_leaves_other_kinds_of_the_same_name(self) -> None:
        cache = ObjectCache()
        cache.put(KIND, body(1))
        cache.put(PROVIDERS.kind, body(2))
        cache.remove(KIND, body(1))
        assert cache.get(Key(PROVIDERS.kind, "team-a", "trainer-0")) is not None


class TestListeners:
    def test_hear_of_each_change_when_it_has_been_made(self) -> None:
        cache = ObjectCache()
        heard: list[tuple[Key, str | None]] = []

        def listen(key: Key) -> None:
            known = cache.get(key)
            heard.append((key, known["metadata"]["resourceVersion"] if known else None))

        cache.listen(listen)
        cache.put(KIND, body(1))
        cache.put(KIND, body(1))
        cache.put(KIND, body(2))
        cache.remove(KIND, body(2, "another"))
        cache.remove(KIND, body(2))
        assert heard == [(KEY, "1"), (KEY, "2"), (KEY, None)]


class TestAnObjectWhoseEndWasMissed:
    """The watch had a gap, and there is another object of its name now."""

    def test_is_told_with_what_was_known_of_it(self) -> None:
        cache = ObjectCache()
        told: list[tuple[str, Any]] = []
        cache.listen_to_replacements(lambda kind, last: told.append((kind, last)))
        cache.put(KIND, body(10, status={"a": 1}))
        cache.put(KIND, body(11, status={"a": 2}))
        cache.put(KIND, body(9, "uid-0"))
        assert told == []
        cache.put(KIND, body(12, "uid-2"))
        ((kind, last),) = told
        assert (kind, last["metadata"]["uid"], last["status"]) == (KIND, "uid-1", {"a": 2})

    def test_does_not_come_back(self) -> None:
        cache = ObjectCache()
        cache.put(KIND, body(10))
        cache.put(KIND, body(12, "uid-2"))
        assert not cache.put(KIND, body(13)), "a late answer to a write of ours"


def test_what_was_removed_does_not_come_back_by_a_late_event() -> None:
    cache = ObjectCache()
    cache.put(KIND, body(10))
    cache.remove(KIND, body(10))
    assert not cache.put(KIND, body(11))
    assert cache.get(KEY) is None
    assert cache.put(KIND, body(12, "uid-2")), "another object of its name is welcome"


def test_removals_are_remembered_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_module, "REMEMBERED_REMOVALS", 3)
    cache = ObjectCache()
    for number in range(5):
        cache.put(KIND, body(number, f"uid-{number}"))
        cache.remove(KIND, body(number, f"uid-{number}"))
    assert [cache.put(KIND, body(10 + number, f"uid-{number}")) for number in (4, 3, 2)] == [False] * 3
    assert cache.put(KIND, body(20, "uid-0"))


def test_of_one_kind_can_be_changed_while_it_is_walked_through() -> None:
    cache = ObjectCache()
    for number in range(5):
        shown = body(1)
        shown["metadata"]["name"] = f"trainer-{number}"
        cache.put(KIND, shown)
    cache.put(PROVIDERS.kind, body(1))
    for _key, known in cache.of_kind(KIND):
        cache.remove(KIND, known)
    assert list(cache.of_kind(KIND)) == []
    assert len(list(cache.of_kind(PROVIDERS.kind))) == 1
