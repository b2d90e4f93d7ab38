"""What is kept, and what must never be."""

from pathlib import Path

import orjson
import pytest

from gpuwright_sandbox.bench.results import Truth, merge


def test_a_run_of_a_size_replaces_that_size_only(tmp_path: Path) -> None:
    path = tmp_path / "build" / "bench.json"
    merge(path, "size-100", Truth(created=1, alive=0, peak=1))
    merge(path, "size-500", {"truth": Truth(created=2, alive=0, peak=1)})
    merge(path, "size-100", Truth(created=3, alive=0, peak=1))
    assert orjson.loads(path.read_bytes()) == {
        "size-100": {"created": 3, "alive": 0, "peak": 1},
        "size-500": {"truth": {"created": 2, "alive": 0, "peak": 1}},
    }


@pytest.mark.parametrize(
    "truth",
    [
        pytest.param(Truth(created=11, alive=0, peak=1), id="made one too many"),
        pytest.param(Truth(created=9, alive=0, peak=1), id="made one too few"),
        pytest.param(Truth(created=10, alive=1, peak=1), id="one left alive"),
        pytest.param(Truth(created=10, alive=0, peak=2), id="two of one owner at once"),
    ],
)
def test_a_broken_promise_is_told(truth: Truth) -> None:
    assert len(truth.broken(10)) == 1


def test_a_promise_that_was_kept_has_nothing_to_tell() -> None:
    assert Truth(created=10, alive=0, peak=1).broken(10) == []
