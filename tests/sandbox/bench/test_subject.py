"""Reading the operator's log."""

import pytest

from gpuwright_sandbox.bench.subject import is_complaint


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        pytest.param('{"level": "INFO", "msg": "create answered"}', False, id="what happens every day"),
        pytest.param('{"level": "WARNING", "msg": "a resync failed"}', True, id="a warning"),
        pytest.param('{"level": "ERROR", "msg": "a pass failed", "traceback": "..."}', True, id="an error"),
        pytest.param("Traceback (most recent call last):", True, id="what is no JSON"),
        pytest.param('"text"', True, id="JSON that is no log line"),
        pytest.param("", False, id="an empty line"),
    ],
)
def test_a_complaint_is_a_warning_or_worse_or_no_log_line_at_all(line: str, complaint: bool) -> None:
    assert is_complaint(line) is complaint
