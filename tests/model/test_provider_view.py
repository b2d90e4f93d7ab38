"""A provider as a decision sees it."""

import pytest
from tests.builders import a_provider_spec, a_provider_view


@pytest.mark.parametrize(
    ("changes", "seconds"),
    [
        pytest.param({}, 2 + 5 + 30 + 60, id="defaults"),
        pytest.param({"settleSeconds": 61}, 98, id="f grows"),
        pytest.param({"timeouts": {"requestSeconds": 31}}, 98, id="the request may take longer"),
        pytest.param({"timeouts": {"connectSeconds": 6}}, 98, id="the connection may take longer"),
    ],
)
def test_settling_takes_the_window_both_time_outs_and_f(changes: dict[str, object], seconds: int) -> None:
    assert a_provider_view(spec=a_provider_spec(**changes)).settle_seconds == seconds
