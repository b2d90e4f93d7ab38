"""SECURITY.md names a test for each thing that stands against a threat, and that test is there."""

import re

import pytest
from tests.docs.pages import ROOT, Page, rows

PAGE = Page(ROOT / "SECURITY.md")
THREATS = ("Tenants", "Providers and gateways", "Secrets", "The process and its image")


@pytest.mark.parametrize("heading", THREATS)
def test_every_threat_names_what_shows_that_it_is_met(heading: str) -> None:
    table = [cells for cells in rows(PAGE.section(heading)) if len(cells) == 3]
    assert table
    for threat, _answer, shown in table:
        tests = re.findall(r"`(tests/[\w/.]+)`", shown)
        assert [path for path in tests if not (ROOT / path).exists()] == [], threat
        assert tests or "campaign" in shown, threat


def test_every_link_leads_somewhere() -> None:
    assert PAGE.links
    assert [link for link in PAGE.links if not (ROOT / link.partition("#")[0]).exists()] == []


def test_what_is_verified_is_what_the_release_signs() -> None:
    release = (ROOT / ".github" / "workflows" / "release.yaml").read_text()
    (block, *_rest) = PAGE.blocks
    assert "release.yaml@refs/tags/v" in block.body
    assert "--type cyclonedx" in block.body
    assert "--type cyclonedx" in release
    assert "ghcr.io/" in release
