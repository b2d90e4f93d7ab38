"""The sweep reports unless a person says otherwise, and what it may end has bounds."""

import pytest
from pydantic import ValidationError

from gpuwright.model.sweep_spec import Sweep, SweepMode


def test_left_out_it_reports_and_terminates_nothing() -> None:
    assert Sweep.model_validate({}).mode is SweepMode.REPORT


@pytest.mark.parametrize(("count", "taken"), [(0, False), (1, True), (20, True), (21, False)])
def test_a_sweep_terminates_at_least_one_and_never_a_fleet(count: int, taken: bool) -> None:
    if taken:
        assert Sweep.model_validate({"maxPerPass": count}).max_per_pass == count
    else:
        with pytest.raises(ValidationError):
            Sweep.model_validate({"maxPerPass": count})


@pytest.mark.parametrize("word", ["Off", "delete", "", False], ids=repr)
def test_no_other_word_is_a_mode(word: object) -> None:
    with pytest.raises(ValidationError):
        Sweep.model_validate({"mode": word})
