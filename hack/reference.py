"""Write the generated parts of docs/: metrics and flags; with --check, only say whether they are what the code gives.

A generated part stands between `<!-- generated:NAME -->` and `<!-- /generated -->`. What is around it is written by
hand and left alone.
"""

import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hack.generated import Generated, command
from prometheus_client.metrics import MetricWrapperBase

from gpuwright.settings import PREFIX, parse_settings, parser
from gpuwright.telemetry import Metrics

FOLDER = Path(__file__).resolve().parents[1] / "docs"
_PART = re.compile(r"(?P<begin><!-- generated:(?P<name>[a-z]+) -->\n).*?(?P<end><!-- /generated -->)", re.DOTALL)


class MarkerError(Exception):
    """A document lacks the place for a generated part, or has one that nothing is generated for."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric as /metrics names it."""

    name: str
    type: str
    labels: tuple[str, ...]
    help: str


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag of the command line; `value` is empty where it takes none."""

    spellings: tuple[str, ...]
    value: str
    variable: str
    default: str
    help: str


def metrics() -> tuple[Metric, ...]:
    """Return all metrics in the order in which they are declared."""
    declared = (entry for entry in vars(Metrics()).values() if isinstance(entry, MetricWrapperBase))
    return tuple(_metric(entry) for entry in declared)


def _metric(entry: MetricWrapperBase) -> Metric:
    family = next(iter(entry.describe()))
    # A counter's family has no suffix, its only sample has.
    suffix = "_total" if family.type == "counter" else ""
    labels = tuple(entry._labelnames)  # noqa: SLF001 - a metric without values tells its labels nowhere else
    return Metric(f"{family.name}{suffix}", family.type, labels, family.documentation)


def flags() -> tuple[Flag, ...]:
    """Return all flags but --help, in the order of the help text.

    Raises:
        KeyError: a new flag; say in `_defaults` how its default reads.
    """
    defaults = _defaults()
    actions = parser()._actions  # noqa: SLF001 - argparse tells its options nowhere else
    return tuple(
        Flag(
            spellings=tuple(action.option_strings),
            value=str(action.metavar or ""),
            variable=f"{PREFIX}{action.dest.upper()}",
            default=defaults[action.dest],
            help=str(action.help),
        )
        for action in actions
        if action.dest != "help"
    )


def _defaults() -> Mapping[str, str]:
    """Return what each flag is when nobody sets it, in words, by its name in the parser."""
    unset = parse_settings([], {})
    return {
        "watch_namespace": ", ".join(unset.watch_namespaces) or "all",
        "namespace": unset.namespace,
        "leader_elect": _word(yes=unset.leader_elect),
        "http_bind": f"{unset.http_host}:{unset.http_port}",
        "allow_endpoint_cidr": ", ".join(str(network) for network in unset.allowed) or "none",
        "provider_proxy": unset.proxy.host if unset.proxy else "none",
        "log_format": unset.log_format,
        "log_level": unset.log_level,
        "cluster_id": unset.cluster_id or "read from the cluster",
        "no_secret_finalizers": _word(yes=not unset.secret_finalizers),
    }


def _word(*, yes: bool) -> str:
    return "true" if yes else "false"


def metrics_table() -> str:
    """Return the table of docs/metrics.md."""
    rows = ((f"`{m.name}`", m.type, ", ".join(f"`{label}`" for label in m.labels), m.help) for m in metrics())
    return _table(("metric", "type", "labels", "what it says"), rows)


def flags_table() -> str:
    """Return the table of docs/operations.md."""
    rows = ((_spelt(flag), f"`{flag.variable}`", flag.default, flag.help) for flag in flags())
    return _table(("flag", "environment", "default", "what it does"), rows)


def _spelt(flag: Flag) -> str:
    value = f" {flag.value}" if flag.value else ""
    return ", ".join(f"`{spelling}{value}`" for spelling in flag.spellings)


def _table(head: Sequence[str], rows: Iterator[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *([cell.replace("|", r"\|") for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


PARTS: Mapping[str, tuple[str, Callable[[], str]]] = {
    "metrics": ("metrics.md", metrics_table),
    "flags": ("operations.md", flags_table),
}
"""What is generated: in which document it stands, and what gives it."""


def renewed(text: str) -> str:
    """Return a document's text with its generated parts as the code gives them now. Raises MarkerError."""

    def part(found: re.Match[str]) -> str:
        if found["name"] not in PARTS:
            raise MarkerError(f"nothing is generated under the name {found['name']}: use one of {', '.join(PARTS)}")
        return f"{found['begin']}\n{PARTS[found['name']][1]()}\n{found['end']}"

    return _PART.sub(part, text)


def files(folder: Path) -> dict[str, str]:
    """Return the text that each document with generated parts should have, by its name. Raises MarkerError."""
    wanted = {}
    for name, (document, _make) in PARTS.items():
        text = (folder / document).read_text(encoding="utf-8")
        if name not in {found["name"] for found in _PART.finditer(text)}:
            marks = f"<!-- generated:{name} --> and <!-- /generated -->"
            raise MarkerError(f"docs/{document} has no generated part {name}: put {marks} where it belongs")
        wanted[document] = renewed(text)
    return wanted


def generated() -> Generated:
    """Return the documents with generated parts as they are to be. Raises MarkerError."""
    return Generated(FOLDER, files(FOLDER))


def main(arguments: Sequence[str]) -> int:
    """Return the exit code: 1 when --check finds a difference, or a document has no place for its part."""
    try:
        advice = "docs/ is not what the code gives: run `make reference`"
        return command(arguments, __doc__, lambda: [generated()], advice)
    except MarkerError as error:
        print(error)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
