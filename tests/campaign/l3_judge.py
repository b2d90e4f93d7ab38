"""What is said about a report beside the invariants over its trace."""

from tests.campaign.l3_checks import Broken
from tests.campaign.l3_clean import Clean, flat
from tests.campaign.l3_run import Report

# Here a user deletes what is being made, so it is chance whether anything was made at all.
MADE_OR_NOT = frozenset({"delete-while-creating"})


def compare(report: Report, clean: Clean) -> None:
    """Add what is not as it is when nothing goes wrong (I16)."""
    if not report.end:
        return
    end = flat(report.end)
    for path, value in clean.end.items():
        if path == "/made" and clean.play.name in MADE_OR_NOT:
            continue
        if end.get(path) != value:
            report.broken.append(Broken("I16", f"{path} is {end.get(path)}, and {value} when nothing goes wrong"))


def without_errors(report: Report) -> None:
    """Leave out what the log says: where the API server itself is ill, errors may be logged."""
    report.broken = [broken for broken in report.broken if broken.invariant != "errors"]
