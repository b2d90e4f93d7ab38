"""The picture of the dashboard: it has every panel, and draws what was seen and no more."""

import math
import re
from xml.etree import ElementTree as ET

import pytest
from hack.dashboard_panels import ROWS, Panel, Query, panels
from hack.dashboard_picture import Curve, called, curves, picture, pieces, stacked, written
from hack.dashboard_series import Recording
from tests.docs.pages import DOCS, ROOT

ONLINE = Query("max", "gpuwright_provider_online", ("provider",), legend="online {{provider}}")


def recording(*scrapes: str) -> Recording:
    made = Recording()
    for moment, text in enumerate(scrapes):
        made.add(float(moment), f"{text}\n")
    return made


def test_it_has_every_panel_and_its_heading() -> None:
    drawn = picture(recording("gpuwright_leader 1", "gpuwright_leader 1"), "a caption")
    shown = {element.text for element in ET.fromstring(drawn).iter()}
    assert [panel.title for panel in panels() if panel.title not in shown] == []
    assert [row.title for row in ROWS if row.title not in shown] == []


def test_the_committed_picture_has_every_panel() -> None:
    shown = {element.text for element in ET.parse(DOCS / "dashboard.svg").getroot().iter() if element.text}
    assert [panel.title for panel in panels() if panel.title not in shown] == []


def test_the_committed_picture_says_that_it_is_ours_and_names_no_place_of_a_machine() -> None:
    text = (DOCS / "dashboard.svg").read_text()
    assert re.search(r"not by Grafana, from \d{2,} scrapes of /metrics in \d+ s of one run in the sandbox", text)
    assert str(ROOT) not in text
    assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")


def test_the_committed_picture_shows_trouble() -> None:
    """A run in which nothing happened would show nothing."""
    shown = " ".join(element.text or "" for element in ET.parse(DOCS / "dashboard.svg").getroot().iter())
    assert [
        word for word in ("orphans team-a/gateway", "refused team-a/gateway", "NotCommitted") if word not in shown
    ] == []


def test_a_run_with_nothing_to_show_is_drawn_all_the_same() -> None:
    drawn = picture(recording("gpuwright_leader 1", "gpuwright_leader 1"), "a caption with <brackets>")
    assert "a caption with <brackets>" in {element.text for element in ET.fromstring(drawn).iter()}
    assert "nan" not in drawn.lower()


def test_a_line_is_called_by_its_labels() -> None:
    assert called(ONLINE, ("shared",)) == "online shared"


def test_what_was_not_seen_is_a_gap() -> None:
    seen = 'gpuwright_provider_online{provider="shared"} 1'
    (curve,) = curves(Panel("title", (ONLINE,)), recording(seen, seen, "", seen))
    assert [value for _time, value in curve.points[:2]] == [1.0, 1.0]
    assert math.isnan(curve.points[2][1])
    assert [len(piece) for piece in pieces(curve)] == [2, 2], "a lone point is a dash"


def test_stacked_lines_stand_on_each_other() -> None:
    first, second = stacked([Curve("a", ((0.0, 1.0), (1.0, math.nan))), Curve("b", ((0.0, 2.0), (1.0, 2.0)))])
    assert [value for _time, value in first.points] == [1.0, 0.0]
    assert [value for _time, value in second.points] == [3.0, 2.0]


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(0.25, "s", "0.25 s"), (3.0, "ops", "3/s"), (1500.0, "short", "1,500"), (0.0, "s", "0 s")],
)
def test_a_value_has_its_unit(value: float, unit: str, text: str) -> None:
    assert written(value, unit) == text
