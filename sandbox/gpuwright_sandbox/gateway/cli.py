"""`gpuwright-sandbox gateway`: run the gateway until it is told to stop."""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from gpuwright_sandbox.gateway.request_log import RequestRecord
from gpuwright_sandbox.gateway.server import SandboxGateway
from gpuwright_sandbox.gateway.settings import DEFAULT_ACCOUNT, DEFAULT_TOKEN, Dialect, Settings

DEFAULT_PORT = 8700


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand `gateway`; `run` carries it out."""
    parser = subparsers.add_parser("gateway", help="run the sandbox compute gateway on the loopback address")
    add_arguments(parser)
    parser.set_defaults(run=run)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the gateway's options."""
    defaults = Settings()
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help=f"0 = any free one (default {DEFAULT_PORT})")
    parser.add_argument(
        "--token",
        action="append",
        metavar="TOKEN[=ACCOUNT]",
        help=f"an accepted bearer token; may be given several times (default {DEFAULT_TOKEN})",
    )
    parser.add_argument("--store", type=Path, metavar="FILE", help="let machines survive in this file")
    parser.add_argument("--dialect", type=Dialect, choices=list(Dialect), default=defaults.dialect)
    parser.add_argument("--idempotency", action="store_true", help="honour Idempotency-Key")
    parser.add_argument("--page-size", type=int, default=defaults.page_size, help="most machines of a list's page")
    parser.add_argument("--boot-seconds", type=float, default=defaults.boot_seconds, help="from POST to running")
    parser.add_argument("--delete-seconds", type=float, default=defaults.delete_seconds, help="from DELETE to gone")
    parser.add_argument("--until-eof", action="store_true", help="stop also when standard input ends")
    parser.add_argument("--verbose", action="store_true", help="print a line for each request")


def run(args: argparse.Namespace) -> int:
    """Run until SIGINT or SIGTERM, or to the end of standard input where that was asked for.

    Returns:
        0, or 2 when the port is taken or the store cannot be opened.
    """
    try:
        asyncio.run(_serve(args))
    except OSError as error:
        print(f"gpuwright-sandbox gateway: {error}", file=sys.stderr)
        return 2
    return 0


def settings_of(args: argparse.Namespace) -> Settings:
    """Return the settings that the options ask for."""
    return Settings(
        tokens=dict(_token(text) for text in args.token or [DEFAULT_TOKEN]),
        dialect=args.dialect,
        idempotency=args.idempotency,
        page_size=args.page_size,
        boot_seconds=args.boot_seconds,
        delete_seconds=args.delete_seconds,
    )


async def _serve(args: argparse.Namespace) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    if args.until_eof:
        loop.add_reader(sys.stdin.fileno(), stopping.set)
    on_request = _print if args.verbose else None
    async with SandboxGateway(settings_of(args), port=args.port, store=args.store, on_request=on_request) as gateway:
        print(f"gateway: {gateway.url}", flush=True)
        await stopping.wait()


def _token(text: str) -> tuple[str, str]:
    token, _, account = text.partition("=")
    return token, account or DEFAULT_ACCOUNT


def _print(record: RequestRecord) -> None:
    print(record, flush=True)
