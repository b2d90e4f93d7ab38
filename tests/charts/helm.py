"""Helm as the tests run it: Helm 3 or Helm 4, with folders of its own, and the chart as it renders."""

import functools
import json
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from gpuwright_sandbox.chart_tools import HELM3, HELM4
from gpuwright_sandbox.go_tools import GoTool, find

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "gpuwright"
RELEASE, NAMESPACE = "gpuwright", "gpuwright-system"
OLDEST_KUBE = "1.32.0"  # of Chart.yaml; what is rendered may need nothing newer
VERSIONS: Mapping[int, GoTool] = {3: HELM3, 4: HELM4}
SECONDS = 300
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the CRDs take the one in Python half a second

Body = dict[str, Any]


class Helm:
    """One major release of Helm; towards a cluster where there is a kubeconfig."""

    def __init__(self, major: int, folder: Path, kubeconfig: Path | None = None) -> None:
        self.major = major
        self.program = find(VERSIONS[major], os.environ)
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith("HELM_")}
        self._environment |= {f"HELM_{kind}_HOME": str(folder / kind.lower()) for kind in ("CACHE", "CONFIG", "DATA")}
        if kubeconfig is not None:
            self._environment["KUBECONFIG"] = str(kubeconfig)

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run it; the caller looks at returncode, stdout and stderr."""
        return subprocess.run(
            (str(self.program), *arguments),
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )

    def render(self, values: Mapping[str, Any] | None = None, *more: str) -> list[Body]:
        """Return what the chart renders with these values. Raises AssertionError where it refuses."""
        answer = self.template(values, *more)
        assert answer.returncode == 0, answer.stderr
        return [body for body in yaml.load_all(answer.stdout, Loader=LOADER) if body]

    def template(self, values: Mapping[str, Any] | None = None, *more: str) -> "subprocess.CompletedProcess[str]":
        """Run `helm template` with these values, once."""
        return self._template(json.dumps(values or {}), *more)

    @functools.cache  # noqa: B019 - one Helm for each major release, for the whole run
    def _template(self, values: str, *more: str) -> "subprocess.CompletedProcess[str]":
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write(values)
            file.flush()
            fixed = ("--namespace", NAMESPACE, "--kube-version", OLDEST_KUBE, "--values", file.name)
            return self.run("template", RELEASE, str(CHART), *fixed, *more)


@functools.cache
def renderer(major: int = 4) -> Helm:
    """Return a Helm that renders only; it needs no cluster and keeps nothing."""
    return Helm(major, Path(tempfile.gettempdir()) / f"gpuwright-helm{major}-{os.getpid()}")


def of_kind(bodies: Sequence[Body], *kinds: str) -> list[Body]:
    """Return the objects of these kinds."""
    return [body for body in bodies if body["kind"] in kinds]


def one(bodies: Sequence[Body], kind: str, name: str = RELEASE) -> Body:
    """Return the only object of this kind and name."""
    (found,) = [body for body in bodies if (body["kind"], body["metadata"]["name"]) == (kind, name)]
    return found


def leaves(values: Any, path: str = "") -> dict[str, Any]:
    """Return each value that is no map with keys, by its path."""
    if not isinstance(values, dict) or not values:
        return {path: values}
    below = (leaves(value, f"{path}.{key}".lstrip(".")) for key, value in values.items())
    return {place: value for found in below for place, value in found.items()}


def default_values() -> Body:
    """Return the chart's values.yaml."""
    found: Body = yaml.safe_load((CHART / "values.yaml").read_text())
    return found


def nested(path: str, value: Any) -> Body:
    """Return values that set one path."""
    for key in reversed(path.split(".")):
        value = {key: value}
    return dict(value)


def together(*parts: Mapping[str, Any]) -> Body:
    """Return maps merged as Helm merges values."""
    merged: Body = {}
    for part in parts:
        for key, value in part.items():
            both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
            merged[key] = together(merged[key], value) if both else value
    return merged
