"""`gpuwright-sandbox bench`: what the operator costs, and what is left of its promise when it is killed."""

import argparse
import asyncio
import os
import random
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from gpuwright_sandbox.bench import budgets, facts, kill, neighbours, results, size, tables, takeover, venv
from gpuwright_sandbox.bench.errors import BenchError
from gpuwright_sandbox.controlplane.binaries import Places, find_all
from gpuwright_sandbox.controlplane.errors import ControlPlaneError
from gpuwright_sandbox.controlplane.selection import Binaries
from gpuwright_sandbox.gateway.process import GatewayProcessError

SIZE_FILE = venv.BUILD / "bench.json"
KILL_FILE = venv.BUILD / "bench-kill.json"
TAKEOVER_FILE = venv.BUILD / "bench-takeover.json"
NEIGHBOURS_FILE = venv.BUILD / "bench-neighbours.json"
_SEEDS = 2**31
_COMPLAINTS_SHOWN = 5
_COMPLAINT_LENGTH = 300


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand `bench`; `run` carries it out."""
    parser = subparsers.add_parser("bench", help="measure the operator: CPU, memory, writes, seconds, and SIGKILLs")
    add_arguments(parser)
    parser.set_defaults(run=run)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the benchmarks; each sets `measure`."""
    benchmarks = parser.add_subparsers(required=True, metavar="size|kill|takeover|neighbours")
    sized = benchmarks.add_parser("size", help="create, idle, restart and delete N instances, for several N")
    sized.add_argument("--sizes", type=sizes, default=(100, 500, 1000), metavar="N,N", help="default: 100,500,1000")
    sized.add_argument(
        "--idle-seconds", type=float, default=size.IDLE_SECONDS, help="in which nothing happens (default: %(default)g)"
    )
    sized.set_defaults(measure=measure_sizes)
    killed = benchmarks.add_parser("kill", help="SIGKILL the operator in the middle of bursts; nothing may be doubled")
    killed.add_argument("--rounds", type=int, default=20, help="default: 20")
    killed.add_argument("--burst", type=int, default=200, metavar="N", help="instances a round (default: 200)")
    killed.add_argument("--seed", type=int, help="of the moments of the kills (default: a new one, which is printed)")
    killed.set_defaults(measure=measure_kills)
    taken = benchmarks.add_parser("takeover", help="end the leader of two replicas in bursts, again and again")
    taken.add_argument("--rounds", type=int, default=3, help="of each kind of end (default: 3)")
    taken.add_argument("--burst", type=int, default=100, metavar="N", help="instances a round (default: 100)")
    taken.add_argument("--seed", type=int, help="of the moments of the ends (default: a new one, which is printed)")
    taken.set_defaults(measure=measure_takeovers)
    beside = benchmarks.add_parser("neighbours", help="what instances of one provider feel of another that hangs")
    beside.add_argument("--sick", type=int, default=300, metavar="N", help="instances that hang (default: 300)")
    beside.add_argument("--neighbours", type=int, default=50, metavar="N", help="a measurement (default: 50)")
    beside.set_defaults(measure=measure_neighbours)


def sizes(text: str) -> tuple[int, ...]:
    """Return the sizes in "100,500". Raises ValueError, for which argparse has words."""
    numbers = tuple(int(part) for part in text.split(","))
    if min(numbers) < 1:
        raise ValueError(text)
    return numbers


def run(arguments: argparse.Namespace) -> int:
    """Run one benchmark; return 0, 1 when the promise was broken or a run came to nothing, 130 after Ctrl-C."""
    # SIGTERM then unwinds as Ctrl-C does: a benchmark that is stopped leaves no process behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    measure: Callable[[argparse.Namespace], int] = arguments.measure
    try:
        return measure(arguments)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    except (BenchError, ControlPlaneError, GatewayProcessError, ExceptionGroup) as error:
        known = list(_reasons(error))
        if not known:
            raise
        print(*(f"bench: {reason}" for reason in known), sep="\n", file=sys.stderr)
        return 1


def measure_sizes(arguments: argparse.Namespace) -> int:
    """Measure every size that was asked for, print each beside the two columns and keep it in build/bench.json."""
    place = _place()
    for number in arguments.sizes:
        surroundings = facts.gather(place.binaries, place.command[0])
        done = asyncio.run(size.run(number, place.binaries, place.command, arguments.idle_seconds))
        record = {"facts": surroundings, "setting": size.setting(number), "run": done}
        results.merge(SIZE_FILE, f"size-{number}", record)
        rows = [row.cells() for row in budgets.size_rows(done)]
        tables.show(f"{number} instances, load {_loads(surroundings)}", budgets.HEADER, rows, sys.stdout)
        tables.show("phases", budgets.PHASE_HEADER, budgets.phase_cells(done), sys.stdout)
        tables.show("requests", budgets.REQUEST_HEADER, budgets.request_cells(done), sys.stdout)
        _complain(done.complaints)
    print(f"\nall of it: {SIZE_FILE}")
    return 0


def measure_kills(arguments: argparse.Namespace) -> int:
    """Measure the rounds, print them beside the peer's and keep them in build/bench-kill.json; 1 unless all is 0."""
    place = _place()
    seed = random.randrange(_SEEDS) if arguments.seed is None else arguments.seed
    plan = kill.Plan(rounds=arguments.rounds, burst=arguments.burst, seed=seed)
    print(f"seed {seed}", flush=True)
    surroundings = facts.gather(place.binaries, place.command[0])
    done = asyncio.run(kill.run(plan, place.binaries, place.command))
    results.merge(KILL_FILE, "kill", {"facts": surroundings, "setting": kill.SETTING, "plan": plan, "run": done})
    numbered = [(str(number), *one.cells()) for number, one in enumerate(done.rounds, 1)]
    tables.show(f"SIGKILL in bursts of {plan.burst}, seed {seed}", ("round", *kill.HEADER), numbered, sys.stdout)
    rows = budgets.kill_rows(plan.rounds * plan.burst, done.doubled, done.leaked, done.ownerless)
    tables.show("in all", budgets.HEADER, [row.cells() for row in rows], sys.stdout)
    _complain(done.complaints)
    print(f"\nall of it: {KILL_FILE}")
    return 0 if done.promise_kept else 1


def measure_takeovers(arguments: argparse.Namespace) -> int:
    """Measure the rounds, print them and keep them in build/bench-takeover.json; 1 unless the promise was kept."""
    place = _place()
    seed = random.randrange(_SEEDS) if arguments.seed is None else arguments.seed
    plan = takeover.Plan(rounds=arguments.rounds, burst=arguments.burst, seed=seed)
    print(f"seed {seed}", flush=True)
    surroundings = facts.gather(place.binaries, place.command[0])
    done = asyncio.run(takeover.run(plan, place.binaries, place.command))
    results.merge(
        TAKEOVER_FILE, "takeover", {"facts": surroundings, "setting": takeover.SETTING, "plan": plan, "run": done}
    )
    title = f"two replicas, bursts of {plan.burst}, seed {seed}, load {_loads(surroundings)}"
    tables.show(title, takeover.HEADER, [one.cells() for one in done.rounds], sys.stdout)
    tables.show("without a leader", takeover.SUMMARY_HEADER, done.summary(), sys.stdout)
    if done.restarts:
        print(
            f"\n{done.restarts} times a replica lost its Lease by itself: this machine is too busy to measure anything"
        )
    _complain(done.complaints)
    print(f"\nall of it: {TAKEOVER_FILE}")
    return 0 if done.promise_kept else 1


def measure_neighbours(arguments: argparse.Namespace) -> int:
    """Measure neighbours beside a provider that is well and beside one that hangs; the ratios are what counts."""
    place = _place()
    plan = neighbours.Plan(sick=arguments.sick, neighbours=arguments.neighbours)
    surroundings = facts.gather(place.binaries, place.command[0])
    done = asyncio.run(neighbours.run(plan, place.binaries, place.command))
    record = {"facts": surroundings, "setting": neighbours.SETTING, "plan": plan, "run": done, "ratios": done.ratios}
    results.merge(NEIGHBOURS_FILE, "neighbours", record)
    title = f"{plan.neighbours} instances beside {plan.sick} of another provider, load {_loads(surroundings)}"
    tables.show(title, neighbours.HEADER, done.cells(), sys.stdout)
    _complain(done.complaints)
    print(f"\nall of it: {NEIGHBOURS_FILE}")
    return 0


@dataclass(frozen=True, slots=True)
class _Place:
    binaries: Binaries
    command: tuple[str, ...]


def _place() -> _Place:
    return _Place(find_all(Places.of_environment(os.environ)), (str(venv.ensure()),))


def _reasons(error: BaseException) -> Iterator[str]:
    """Yield why it ended, a line each; nothing where a defect is among the reasons, which deserves its traceback."""
    if isinstance(error, BaseExceptionGroup):
        known, defects = error.split((BenchError, ControlPlaneError, GatewayProcessError))
        if defects is None and known is not None:
            for inner in known.exceptions:
                yield from _reasons(inner)
    else:
        yield str(error)


def _loads(surroundings: facts.Facts) -> str:
    loads = surroundings["load_at_start"]
    return " ".join(map(str, loads)) if isinstance(loads, list) else str(loads)


def _complain(complaints: Sequence[str]) -> None:
    if complaints:
        print(f"\n{len(complaints)} complaints in the operator's log, such as")
        print(*(line[:_COMPLAINT_LENGTH] for line in complaints[:_COMPLAINTS_SHOWN]), sep="\n")
