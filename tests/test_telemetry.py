"""Logs in both formats, metrics, and what may never stand in either."""

import io
import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client import generate_latest

from gpuwright import http_client  # noqa: F401 - it silences the libraries that it is made of
from gpuwright.telemetry import LOG_FIELDS, JsonFormatter, Metrics, TextFormatter, configure_logging, fields

CANARY = "canary-4f1d"


@pytest.fixture
def untouched_root() -> Iterator[None]:
    """Give the root logger back as it was: configure_logging replaces its handlers."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    noisy = {name: logging.getLogger(name).level for name in ("kopf.objects", "kopf", "asyncio", "aiohttp.access")}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in noisy.items():
        logging.getLogger(name).setLevel(before)


def a_record(message: str = "a create was answered", *args: object, **extra: Any) -> logging.LogRecord:
    record = logging.LogRecord("gpuwright.instance", logging.INFO, "file.py", 1, message, args, None)
    vars(record).update(extra)
    record.created = 1_795_341_600.123
    return record


def a_failure() -> logging.LogRecord:
    try:
        int("a bug")
    except ValueError:
        return logging.LogRecord("gpuwright", logging.ERROR, "file.py", 1, "it failed", (), sys.exc_info())
    raise AssertionError


class TestJson:
    def test_is_one_object_a_line(self) -> None:
        line = JsonFormatter().format(a_record(instance="team-a/trainer-0", count=3))
        assert "\n" not in line
        assert json.loads(line) == {
            "ts": "2026-11-22T10:00:00.123+00:00",
            "level": "INFO",
            "logger": "gpuwright.instance",
            "msg": "a create was answered",
            "instance": "team-a/trainer-0",
            "count": 3,
        }

    def test_has_the_traceback_in_the_same_line(self) -> None:
        line = JsonFormatter().format(a_failure())
        assert "\n" not in line
        assert "ValueError: invalid literal" in json.loads(line)["traceback"]

    def test_takes_any_text_and_any_value(self) -> None:
        line = JsonFormatter().format(a_record('a "quoted"\nline with ü', error=ValueError("x"), names={"a"}))
        assert json.loads(line)["msg"] == 'a "quoted"\nline with ü'

    def test_puts_arguments_into_the_message(self) -> None:
        assert json.loads(JsonFormatter().format(a_record("%s of %d", "one", 2)))["msg"] == "one of 2"


class TestText:
    def test_is_a_line_for_people(self) -> None:
        line = TextFormatter().format(a_record(instance="team-a/trainer-0", count=3))
        assert line == "10:00:00 INFO    a create was answered instance=team-a/trainer-0 count=3"

    def test_has_the_traceback_below(self) -> None:
        first, *rest = TextFormatter().format(a_failure()).split("\n")
        assert first.endswith("ERROR   it failed")
        assert rest[-1].startswith("ValueError: invalid literal")


@pytest.mark.parametrize("formatter", [JsonFormatter(), TextFormatter()], ids=["json", "text"])
def test_only_declared_fields_are_shown(formatter: logging.Formatter) -> None:
    record = a_record(token=CANARY, headers={"authorization": CANARY}, env=CANARY, instance="team-a/trainer-0")
    line = formatter.format(record)
    assert CANARY not in line
    assert "team-a/trainer-0" in line
    assert fields(record) == {"instance": "team-a/trainer-0"}


def test_no_declared_field_is_the_name_of_a_secret() -> None:
    forbidden = {"token", "secret", "password", "authorization", "headers", "env", "userData", "body", "data"}
    assert not forbidden & set(LOG_FIELDS)
    assert len(set(LOG_FIELDS)) == len(LOG_FIELDS)


@pytest.mark.usefixtures("untouched_root")
class TestConfiguring:
    def test_sends_lines_of_the_format_to_stderr(self, monkeypatch: pytest.MonkeyPatch) -> None:
        stream = io.StringIO()
        monkeypatch.setattr(sys, "stderr", stream)
        configure_logging("info", "json")
        logging.getLogger("gpuwright").info("hello", extra={"count": 1})
        logging.getLogger("gpuwright").debug("not this")
        assert [json.loads(line)["msg"] for line in stream.getvalue().splitlines()] == ["hello"]

    def test_a_second_time_replaces_the_first(self, monkeypatch: pytest.MonkeyPatch) -> None:
        stream = io.StringIO()
        monkeypatch.setattr(sys, "stderr", stream)
        configure_logging("info", "json")
        configure_logging("info", "text")
        logging.getLogger("gpuwright").info("hello")
        assert stream.getvalue().splitlines()[0].endswith("hello")
        assert len(stream.getvalue().splitlines()) == 1

    @pytest.mark.parametrize("name", ["kopf.objects", "kopf", "asyncio", "aiohttp.access", "httpx", "httpcore"])
    def test_keeps_libraries_quiet_that_log_whole_objects_or_headers(
        self, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stream = io.StringIO()
        monkeypatch.setattr(sys, "stderr", stream)
        configure_logging("debug", "text")
        logging.getLogger(name).debug("Authorization: Bearer %s", CANARY)
        logging.getLogger(name).info("patching with %s", CANARY)
        assert stream.getvalue() == ""


class TestMetrics:
    def test_all_say_what_they_mean(self) -> None:
        for family in Metrics().registry.collect():
            assert family.documentation.endswith("."), family.name
            assert len(family.documentation) > 10, family.name

    def test_have_names_and_units_as_prometheus_wants_them(self) -> None:
        for family in Metrics().registry.collect():
            assert family.name.startswith(("gpuwright_", "controller_runtime_", "rest_client_")), family.name
            assert not family.name.endswith(("_ms", "_milliseconds", "_count"))

    def test_are_two_sets_for_two_operators(self) -> None:
        first, second = Metrics(), Metrics()
        first.unsettled.set(3)
        assert b"gpuwright_creates_unsettled 0.0" in generate_latest(second.registry)

    def test_have_no_label_that_grows_with_objects(self) -> None:
        for family in Metrics().registry.collect():
            assert not {"instance", "machine", "uid", "name", "id"} & set(_labels(family.name)), family.name


def _labels(name: str) -> tuple[str, ...]:
    declared = {
        labelled: metric._labelnames
        for metric in vars(Metrics()).values()
        for labelled in [getattr(metric, "_name", "")]
        if labelled
    }
    return tuple(declared.get(name, ()))
