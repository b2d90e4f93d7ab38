"""The generated parts of docs/: that they are current, that they say all there is, and what the command does."""

from pathlib import Path

import pytest
from hack.generated import SHOWN_LINES
from prometheus_client import generate_latest

from gpuwright.settings import Settings, parse_settings
from gpuwright.telemetry import Metrics
from hack import reference

VALUES = {
    "URL": "http://proxy.example:3128",
    "NAME": "team-a",
    "HOST:PORT": "127.0.0.1:9090",
    "CIDR": "10.1.0.0/16",
    "json|text": "text",
    "LEVEL": "debug",
    "ID": "blue",
}
"""A good value for each kind of value that a flag takes; none is a default."""

FLAGS = reference.flags()
PARTED = "before\n<!-- generated:{name} -->\n{old}\n<!-- /generated -->\nafter\n"


def folder_with(tmp_path: Path, *, old: str = "") -> Path:
    """Return a folder that has each document with the place for its part."""
    for name, (document, _make) in reference.PARTS.items():
        (tmp_path / document).write_text(PARTED.format(name=name, old=old))
    return tmp_path


def test_the_committed_documents_are_what_the_code_gives() -> None:
    assert list(reference.generated().differences()) == []


def test_every_metric_that_is_served_stands_in_the_table() -> None:
    served = generate_latest(Metrics().registry).decode().splitlines()
    types = {tuple(line.split(" ")[2:]) for line in served if line.startswith("# TYPE ")}
    # The library adds to each counter when it was made; docs/metrics.md says so once for all of them.
    assert {(metric.name, metric.type) for metric in reference.metrics()} == {
        (name, kind) for name, kind in types if not name.endswith("_created")
    }


def test_the_table_has_the_help_text_that_is_served() -> None:
    served = generate_latest(Metrics().registry).decode()
    for metric in reference.metrics():
        assert f"# HELP {metric.name} {metric.help}\n" in served


def test_the_labels_in_the_table_are_those_that_a_value_is_given_with() -> None:
    metrics = Metrics()
    metrics.creates.labels(provider="gateway", outcome="Committed").inc()
    (labels,) = [metric.labels for metric in reference.metrics() if metric.name == "gpuwright_creates_total"]
    assert {*labels} == {*next(iter(metrics.creates.collect())).samples[0].labels}


def test_every_setting_has_a_flag_in_the_table() -> None:
    table = reference.flags_table()
    fields = Settings.__slots__
    assert len(FLAGS) == len(fields) - 1, "host and port are two fields and one flag"
    assert all(f"`{flag.variable}`" in table for flag in FLAGS)


@pytest.mark.parametrize("flag", FLAGS, ids=lambda flag: flag.spellings[0])
def test_a_flag_and_its_variable_do_the_same(flag: reference.Flag) -> None:
    # Of two spellings the first says yes and the last says no; the default is whatever the table says.
    spelling = flag.spellings[-1] if flag.default == "true" else flag.spellings[0]
    word = VALUES[flag.value] if flag.value else ("false" if flag.default == "true" else "true")
    given = parse_settings([spelling, word] if flag.value else [spelling], {})
    assert given == parse_settings([], {flag.variable: word})
    assert given != parse_settings([], {}), "the value differs from the default, so something must change"


@pytest.mark.parametrize(
    "flag", [flag for flag in FLAGS if flag.default in {"true", "false"}], ids=lambda f: f.variable
)
def test_the_default_of_a_switch_is_what_its_variable_says_when_it_is_set_to_that(flag: reference.Flag) -> None:
    assert parse_settings([], {flag.variable: flag.default}) == parse_settings([], {})


def test_a_bar_does_not_end_a_cell() -> None:
    assert r"json\|text" in reference.flags_table()


def test_what_is_written_by_hand_stays(tmp_path: Path) -> None:
    for text in reference.files(folder_with(tmp_path, old="| old |")).values():
        assert text.startswith("before\n")
        assert text.endswith("after\n")
        assert "| old |" not in text


def test_renewing_twice_gives_the_same(tmp_path: Path) -> None:
    once = reference.files(folder_with(tmp_path))
    assert {name: reference.renewed(text) for name, text in once.items()} == once


def test_a_document_without_the_place_for_its_part_is_refused(tmp_path: Path) -> None:
    folder_with(tmp_path)
    (tmp_path / "metrics.md").write_text("# Metrics\n")
    with pytest.raises(reference.MarkerError, match=r"docs/metrics\.md has no generated part metrics: put "):
        reference.files(tmp_path)


def test_a_part_that_does_not_end_is_refused(tmp_path: Path) -> None:
    folder_with(tmp_path)
    (tmp_path / "metrics.md").write_text("<!-- generated:metrics -->\n| a |\n")
    with pytest.raises(reference.MarkerError):
        reference.files(tmp_path)


def test_a_part_that_nothing_is_generated_for_is_refused() -> None:
    with pytest.raises(reference.MarkerError, match="use one of metrics, flags"):
        reference.renewed(PARTED.format(name="colours", old=""))


def test_check_finds_what_is_out_of_date_and_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(reference, "FOLDER", folder_with(tmp_path, old="| old |"))
    assert reference.main(["--check"]) == 1
    printed = capsys.readouterr().out
    assert "-| old |" in printed
    assert printed.endswith("docs/ is not what the code gives: run `make reference`\n")
    assert len(printed.splitlines()) <= SHOWN_LINES + 2
    assert (tmp_path / "metrics.md").read_text() == PARTED.format(name="metrics", old="| old |")


def test_a_long_difference_is_cut_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(reference, "FOLDER", folder_with(tmp_path, old="\n".join(["| old |"] * 100)))
    assert reference.main(["--check"]) == 1
    assert " more lines\n" in capsys.readouterr().out


def test_writing_makes_the_check_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(reference, "FOLDER", folder_with(tmp_path))
    assert reference.main([]) == 0
    assert reference.main(["--check"]) == 0
    assert capsys.readouterr().out == ""


def test_the_command_says_which_document_lacks_a_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder_with(tmp_path)
    (tmp_path / "operations.md").write_text("# Operations\n")
    monkeypatch.setattr(reference, "FOLDER", tmp_path)
    assert reference.main(["--check"]) == 1
    assert "docs/operations.md has no generated part flags" in capsys.readouterr().out
