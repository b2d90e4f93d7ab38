"""One line per long command, that grows while the command runs."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

# On a terminal the seconds count in place; in a log file a number is added now and then.
_TERMINAL_PAUSE_SECONDS = 1.0
_LOG_PAUSE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Command:
    """A command to run: its arguments, where, with which environment, and the file that gets its output."""

    arguments: Sequence[str]
    folder: Path
    environment: Mapping[str, str]
    log: Path


def run(command: Command, title: str, out: TextIO) -> bool:
    """Run a command to its end while one line says what runs and for how many seconds; return whether it succeeded.

    Whatever ends this function early, Ctrl-C say, ends the command as well.
    """
    started = time.monotonic()
    _show(out, f"{title} ...")
    with command.log.open("ab") as log:
        process = subprocess.Popen(
            command.arguments,
            cwd=command.folder,
            env=dict(command.environment),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        _follow(process, title, out, started)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        _show(out, "\n")
    return process.returncode == 0


def _follow(process: subprocess.Popen[bytes], title: str, out: TextIO, started: float) -> None:
    pause = _TERMINAL_PAUSE_SECONDS if out.isatty() else _LOG_PAUSE_SECONDS
    ended = False
    while not ended:
        try:
            process.wait(pause)
            ended = True
        except subprocess.TimeoutExpired:
            pass
        seconds = f" {time.monotonic() - started:.0f} s"
        _show(out, f"\r{title} ...{seconds}" if out.isatty() else f"{seconds}{'' if ended else ' ...'}")


def _show(out: TextIO, text: str) -> None:
    out.write(text)
    out.flush()
