"""What the driver makes of what its watch shows."""

from typing import Any

from gpuwright_sandbox.bench.driver import Sightings, is_true


def body(name: str, ready: str = "False") -> dict[str, Any]:
    conditions = [{"type": "Launched", "status": "True"}, {"type": "Ready", "status": ready}]
    return {
        "metadata": {"name": name, "uid": f"uid-{name}"},
        "status": {"summary": "Running", "conditions": conditions},
    }


def test_an_object_is_ready_since_it_was_first_seen_ready() -> None:
    seen = Sightings()
    for at, ready in ((1.0, "False"), (2.0, "True"), (3.0, "False"), (4.0, "True")):
        seen.take("MODIFIED", body("a", ready), at)
    assert seen.ready == {"a": 2.0}
    assert seen.exist == {"a": "uid-a"}


def test_a_deleted_object_is_gone() -> None:
    seen = Sightings()
    seen.take("ADDED", body("a"), 1.0)
    seen.take("DELETED", body("a"), 2.0)
    assert (seen.exist, seen.gone) == ({}, {"a": 2.0})


def test_what_a_list_does_not_show_went_while_nobody_watched() -> None:
    seen = Sightings()
    seen.take_all([body("a"), body("b")], 1.0)
    seen.take_all([body("b", "True")], 2.0)
    assert (list(seen.exist), seen.gone, seen.ready) == (["b"], {"a": 2.0}, {"b": 2.0})


def test_how_things_stand_is_said_with_a_name_for_each_summary() -> None:
    seen = Sightings()
    seen.take_all([body("a", "True"), body("b"), body("c")], 1.0)
    seen.take("DELETED", body("c"), 2.0)
    assert seen.standing() == "1 were Ready, 2 exist: 2 Running (such as a)"


def test_an_object_that_nobody_has_looked_at_is_not_ready() -> None:
    assert not is_true({"metadata": {"name": "a"}}, "Ready")
