"""The command line becomes settings, and the port is said."""

import argparse
from pathlib import Path

import pytest

from gpuwright_sandbox.gateway import cli
from gpuwright_sandbox.gateway.door import PortReservation, bound_socket
from gpuwright_sandbox.gateway.settings import Dialect, Settings


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    cli.add_parser(parser.add_subparsers())
    return parser.parse_args(["gateway", *words])


def test_the_defaults_are_those_of_the_settings() -> None:
    args = parsed()
    assert (args.port, args.run, cli.settings_of(args)) == (8700, cli.run, Settings())


def test_every_option_is_a_setting() -> None:
    words = "--token a --token b=two --dialect CreateOnly --idempotency --page-size 3 --boot-seconds 4"
    assert cli.settings_of(parsed(*words.split(), "--delete-seconds", "5")) == Settings(
        tokens={"a": "default", "b": "two"},
        dialect=Dialect.CREATE_ONLY,
        idempotency=True,
        page_size=3,
        boot_seconds=4,
        delete_seconds=5,
    )


def test_an_unknown_dialect_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parsed("--dialect", "Half")
    assert "CreateOnly" in capsys.readouterr().err


def test_a_taken_port_is_said_and_ends_it(capsys: pytest.CaptureFixture[str]) -> None:
    with PortReservation() as reservation, bound_socket(reservation.port) as listening:
        listening.listen()
        assert cli.run(parsed("--port", str(reservation.port))) == 2
        assert f"port {reservation.port}" in capsys.readouterr().err


def test_a_store_that_cannot_be_opened_is_said_and_ends_it(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert cli.run(parsed("--port", "0", "--store", str(tmp_path))) == 2
    assert str(tmp_path) in capsys.readouterr().err
