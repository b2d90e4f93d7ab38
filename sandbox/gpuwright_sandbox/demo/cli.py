"""`gpuwright-sandbox demo`: the main job end to end, on a real API server, with the gateway's truth beside it."""

import argparse
import contextlib
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from gpuwright_sandbox.controlplane.binaries import Places
from gpuwright_sandbox.controlplane.errors import ControlPlaneError
from gpuwright_sandbox.controlplane.making import find_or_make
from gpuwright_sandbox.controlplane.selection import Binaries
from gpuwright_sandbox.demo import keep, picture, plan
from gpuwright_sandbox.demo.errors import DemoError, OverdueError
from gpuwright_sandbox.demo.frame import WIDTH
from gpuwright_sandbox.demo.play import Player
from gpuwright_sandbox.demo.screen import LiveScreen, PlainScreen, Screen
from gpuwright_sandbox.demo.stage import Stage, staged
from gpuwright_sandbox.demo.story import all_checks, all_seconds
from gpuwright_sandbox.gateway.process import GatewayProcessError

_LIMIT_SECONDS = 180.0
_INTERRUPTED = 130


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command; it sets `run`, which takes the parsed arguments and returns an exit code."""
    parser = subparsers.add_parser("demo", help="show the operator at work against a gateway that misbehaves")
    parser.add_argument("--keep", action="store_true", help="leave it all running at the end, and say how to use it")
    parser.add_argument("--plain", action="store_true", help="plain lines even on a terminal")
    parser.add_argument("--record", type=_picture_path, metavar="FILE.svg", help="also write a picture of the run")
    parser.add_argument("--seed", type=int, metavar="N", help="add an act whose troubles are drawn with this seed")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Return 0 when every claim was seen to be true; 1 after saying what was not, 130 when interrupted before that."""
    signal.signal(signal.SIGINT, _interrupt_once)
    signal.signal(signal.SIGTERM, _interrupt_once)
    all_true = False
    try:
        screen = _screen(plain=arguments.plain)
        binaries = _tools(screen)
        with _directory() as directory, _limit(_LIMIT_SECONDS), staged(directory, binaries, screen) as stage:
            _show(stage, screen, arguments)
            all_true = True
            if arguments.keep:
                _stay(stage)
    except KeyboardInterrupt:
        print("stopped, nothing is left behind")
        return 0 if all_true else _INTERRUPTED
    except (DemoError, ControlPlaneError, GatewayProcessError, OSError) as error:
        print(f"\nthe demo failed: {error}", file=sys.stderr)
        return 1
    return 0


def _show(stage: Stage, screen: Screen, arguments: argparse.Namespace) -> None:
    try:
        outcomes = Player(stage, screen, plan.acts(arguments.seed)).play()
    except (DemoError, GatewayProcessError, OSError) as error:
        raise DemoError(f"{error}\n\nthe end of the operator's log:\n{stage.operator.log_tail()}") from error
    screen.close(all_checks(outcomes), all_seconds(outcomes))
    if arguments.record is not None:
        arguments.record.write_text(picture.svg(outcomes))


def _stay(stage: Stage) -> None:
    signal.setitimer(signal.ITIMER_REAL, 0)
    operator = stage.operator
    kubeconfig = stage.plane.admin_kubeconfig()
    premises = keep.Premises(stage.kubectl_path, kubeconfig, stage.gateway.url, operator.pid_file, operator.log)
    print(keep.instructions(premises), flush=True)
    keep.watch(operator)


def _screen(*, plain: bool) -> Screen:
    console = Console()
    if plain or not console.is_terminal:
        return PlainScreen()
    return LiveScreen(Console(width=min(WIDTH, console.width)))


def _tools(screen: Screen) -> Binaries:
    began = time.monotonic()
    # What has to be made first says so itself, line by line.
    binaries = find_or_make(Places.of_environment(os.environ), sys.stdout)
    server = binaries.kube_apiserver
    detail = f"kube-apiserver {server.version}, etcd {binaries.etcd.version}, from {server.source}"
    screen.done("tools", detail, time.monotonic() - began)
    return binaries


@contextlib.contextmanager
def _directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="gpuwright-demo-", ignore_cleanup_errors=True) as directory:
        yield Path(directory)


@contextlib.contextmanager
def _limit(seconds: float) -> Iterator[None]:
    """Let the block take so long at most. An alarm, because it also ends a call that hangs.

    Raises:
        OverdueError: it took longer.
    """

    def ring(*_: object) -> None:
        raise OverdueError(f"it took over {seconds:.0f} s")

    signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _interrupt_once(*_: object) -> None:
    """Unwind as Ctrl-C does; a second Ctrl-C must not disturb the cleaning up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


def _picture_path(text: str) -> Path:
    path = Path(text)
    if path.suffix != ".svg" or not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"{text} must end in .svg and lie in a folder that exists")
    return path
