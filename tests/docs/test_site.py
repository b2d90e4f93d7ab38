"""The documentation as a site: it builds without a warning, and a broken link would stop it."""

import shutil
from pathlib import Path

import pytest
from hack.docs_hooks import without_outside_links
from tests.docs.pages import DOCS, ROOT

from hack import site

PAGES = sorted(path.stem for path in DOCS.glob("*.md"))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    succeeded, said = site.build(folder)
    assert succeeded, said
    return folder


@pytest.mark.parametrize("page", PAGES)
def test_every_page_is_in_the_site(page: str, built: Path) -> None:
    there = built / "index.html" if page == "index" else built / page / "index.html"
    assert there.is_file()


def test_a_runbook_is_where_its_alert_says(built: Path) -> None:
    assert 'id="gpuwrightpossibleleak"' in (built / "runbooks" / "index.html").read_text()


def test_drawings_are_handed_to_the_browser_as_drawings(built: Path) -> None:
    assert (built / "concepts" / "index.html").read_text().count('class="mermaid"') == 3


def test_nothing_is_fetched_from_elsewhere_to_show_a_page(built: Path) -> None:
    text = (built / "index.html").read_text()
    assert "fonts.googleapis.com" not in text
    assert 'src="https://' not in text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("(protocol.md#outcomes)", "(protocol.md#outcome)", id="anchor"),
        pytest.param("(reasons.md)", "(reason.md)", id="page"),
    ],
)
def test_a_link_that_leads_nowhere_stops_it(
    before: str, after: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("docs", "hack"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("*.pyc", "go.*"))
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)
    page = tmp_path / "docs" / "concepts.md"
    assert before in page.read_text()
    page.write_text(page.read_text().replace(before, after))
    monkeypatch.setattr(site, "ROOT", tmp_path)
    succeeded, said = site.build(tmp_path / "site")
    assert not succeeded
    assert after.strip("()").partition("#")[2] in said


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("[a](b.md#c) and [d](#e)", "[a](b.md#c) and [d](#e)", id="a link to a page stays"),
        pytest.param("[`a.py`](../operator/a.py)", "`a.py`", id="a link out of the site becomes its text"),
        pytest.param("![x](x.svg) [y](https://z)", "![x](x.svg) [y](https://z)", id="pictures and other sites stay"),
        pytest.param("```\n[a](../b)\n```", "```\n[a](../b)\n```", id="a fenced block stays"),
    ],
)
def test_links(text: str, expected: str) -> None:
    assert without_outside_links(text, "page.md", "") == expected


def test_links_out_of_the_site_lead_to_the_source_where_that_is_known() -> None:
    text = without_outside_links("[a](../operator/a.py)", "page.md", "https://forge.example/blob/main/")
    assert text == "[a](https://forge.example/blob/main/operator/a.py)"
