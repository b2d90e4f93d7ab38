"""Ask the package index for known vulnerabilities of what the image installs, and say how much of it was answered.

pip-audit takes an index without advisories for one without vulnerabilities, and exits with 0. Here what nobody answered
for is "not audited"; with --strict that is a failure, too.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gpuwright_sandbox.controlplane.errors import BinariesMissingError
from hack import programs

ROOT = Path(__file__).resolve().parents[1]
TIMEOUT_SECONDS = 180.0


@dataclass(frozen=True, slots=True)
class Audit:
    """What came of it: names that were answered for, and that were not; lines about vulnerabilities; or why nothing."""

    answered: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    vulnerable: tuple[str, ...] = ()
    trouble: str = ""

    def exit_code(self, *, strict: bool) -> int:
        """Return 1 for a vulnerability, and where it is strict for everything that nobody answered for."""
        incomplete = bool(self.trouble or self.skipped)
        return 1 if self.vulnerable or (strict and incomplete) else 0

    def lines(self) -> list[str]:
        """Return what a person is told."""
        if self.trouble:
            return [f"not audited: {self.trouble}"]
        told = list(self.vulnerable)
        if not self.answered:
            return [f"not audited: the index that pip uses has advisories for none of {len(self.skipped)} packages"]
        if self.skipped:
            names = ", ".join(self.skipped)
            told.append(f"not audited: {len(self.skipped)} of {len(self.skipped) + len(self.answered)}: {names}")
        if self.answered:
            told.append(f"audited: {len(self.answered)} packages, {len(self.vulnerable)} known vulnerabilities")
        return told


def read(report: str) -> Audit:
    """Return what a report of pip-audit says; one without any package counts as none."""
    try:
        packages = json.loads(report)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return Audit(trouble="pip-audit gave no report")
    if not packages:
        return Audit(trouble="pip-audit has seen no package")
    return Audit(
        answered=tuple(entry["name"] for entry in packages if "skip_reason" not in entry),
        skipped=tuple(entry["name"] for entry in packages if "skip_reason" in entry),
        vulnerable=tuple(
            f"{entry['name']} {entry['version']}: {found['id']}, mended in {', '.join(found['fix_versions']) or 'none'}"
            for entry in packages
            for found in entry.get("vulns", ())
        ),
    )


def asked(tool: Path) -> Audit:
    """Return what the index says of the lock."""
    command = (str(tool), "--requirement", "requirements/runtime.txt", "--require-hashes", "--disable-pip")
    options = ("--format", "json", "--progress-spinner", "off", "--timeout", "15")
    try:
        answer = subprocess.run(
            (*command, *options), cwd=ROOT, capture_output=True, text=True, check=False, timeout=TIMEOUT_SECONDS
        )
    except subprocess.TimeoutExpired:
        return Audit(trouble=f"no answer within {TIMEOUT_SECONDS:.0f} s")
    if not answer.stdout.strip():
        words = answer.stderr.strip().splitlines() or ["pip-audit said nothing"]
        return Audit(trouble=words[-1])
    return read(answer.stdout)


def main(arguments: Sequence[str]) -> int:
    """Return the exit code: 1 for a known vulnerability; with --strict also for what nobody answered for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--strict", action="store_true", help="fail unless every package was answered for")
    strict = parser.parse_args(arguments).strict
    try:
        audit = asked(programs.find_or_make("pip-audit", os.environ, sys.stderr))
    except BinariesMissingError as error:
        audit = Audit(trouble=str(error))
    print(*audit.lines(), sep="\n")
    return audit.exit_code(strict=strict)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
