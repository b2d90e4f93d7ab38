"""Somebody's own cluster in the place of the sandbox's control plane: the current context of a kubeconfig."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Never

from gpuwright_sandbox.controlplane import clients, crds
from gpuwright_sandbox.controlplane.errors import ControlPlaneError
from gpuwright_sandbox.controlplane.plane import ControlPlane

CONTEXT = "GPUWRIGHT_E2E_CONTEXT"
"""The environment variable that names the context; without it the tests start a control plane of their own."""


class CurrentContext(ControlPlane):
    """A cluster that is there already: it is neither started nor stopped, and everybody is whoever the context is."""

    def __init__(self, directory: Path, context: str) -> None:
        """Write the context as a kubeconfig of its own.

        Raises:
            ControlPlaneError: there is no kubectl, or no such context.
        """
        super().__init__(directory)
        found = shutil.which("kubectl")
        if found is None:
            raise ControlPlaneError("kubectl is not on PATH: install it, or run the tests on the sandbox's cluster")
        self._kubectl = found
        command = (found, "config", "view", "--raw", "--flatten", "--minify", "--context", context)
        shown = subprocess.run(command, capture_output=True, text=True, check=False)
        if shown.returncode:
            raise ControlPlaneError(
                f"context {context}: {shown.stderr.strip()}; `kubectl config get-contexts` lists all"
            )
        self._kubeconfig = directory / "kubeconfig"
        self._kubeconfig.touch(mode=0o600)
        self._kubeconfig.write_text(shown.stdout, encoding="utf-8")

    def start(self) -> None:
        """Do nothing: it runs."""

    def stop(self) -> None:
        """Do nothing: it is not ours."""

    def kubeconfig(self, user: str, groups: Sequence[str] = ()) -> Path:
        """Return the context's own identity, whoever is asked for."""
        return self._kubeconfig

    def admin_kubeconfig(self) -> Path:
        """Return the context's own identity."""
        return self._kubeconfig

    def kubectl(
        self,
        *arguments: str,
        kubeconfig: Path | None = None,
        input: str | None = None,  # noqa: A002  # as in the class above
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl; the caller looks at `returncode` and `stderr`."""
        environment = os.environ | {"KUBECONFIG": str(kubeconfig or self._kubeconfig)}
        command = (self._kubectl, *arguments)
        return subprocess.run(command, env=environment, input=input, capture_output=True, text=True, check=False)

    def install_crds(self, folder: Path) -> None:
        """Apply the custom resources and return once they can be used. Raises ControlPlaneError."""
        applied = self.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(folder))
        if applied.returncode != 0:
            raise ControlPlaneError(f"{folder} was refused: {applied.stderr.strip()}")
        with clients.open_client(self._kubeconfig) as api:
            crds.wait_until_served(api, crds.read_kinds(folder))

    @property
    def audit_log(self) -> Path:
        """There is none to read."""
        return self._not_ours()

    @staticmethod
    def _not_ours() -> Never:
        raise ControlPlaneError("only the sandbox's control plane can do this: mark the test `sandbox`")
