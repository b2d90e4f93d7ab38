"""A control plane on loopback: started, asked, hurt and stopped from tests, the demo and the benchmarks."""

import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from gpuwright_sandbox.controlplane import clients, crds, kubeconfigs
from gpuwright_sandbox.controlplane.binaries import Places, find_all
from gpuwright_sandbox.controlplane.errors import ControlPlaneError, NotReadyError, PortTakenError
from gpuwright_sandbox.controlplane.health import ask, wait_until_none
from gpuwright_sandbox.controlplane.identity import Usage
from gpuwright_sandbox.controlplane.layout import COMPONENTS, Component, Layout
from gpuwright_sandbox.controlplane.processes import Children
from gpuwright_sandbox.controlplane.selection import Binaries
from gpuwright_sandbox.controlplane.setup import Setup, prepare

_READY_TIMEOUT_SECONDS = 60.0
_GRACE_SECONDS = 3.0
_LOG_TAIL_LINES = 15
_START_ATTEMPTS = 3
_PORT_TAKEN = "address already in use"
_ADMIN = "gpuwright-sandbox-admin"


class ControlPlane:
    """etcd, kube-apiserver and kube-controller-manager below one directory; as a context manager, started and stopped.

    The store survives `stop`: a later control plane on the same directory has the same objects and identities and,
    where they are free, the same ports. One control plane per directory at a time; one thread per control plane.
    """

    def __init__(self, directory: Path, *, audit: bool = True, binaries: Binaries | None = None) -> None:
        """Only remember what to start; without `binaries`, `start` looks for them as `binaries.find_all` does."""
        self._layout = Layout(directory.resolve())
        self._audit = audit
        self._binaries = binaries
        self._children = Children(self._layout.directory)
        self._setup: Setup | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start all three and return once each says that it is ready: about 4 seconds on 2 cores.

        What an earlier run on this directory left behind when it was killed is ended first.

        Raises:
            BinariesMissingError: a program is to be made first; the message says how.
            DirectoryInUseError: another control plane runs on this directory.
            NotReadyError: a component ended or did not answer within a minute; everything is stopped again.
        """
        binaries = self._binaries or find_all(Places.of_environment(os.environ))
        self._layout.create()
        self._children.open()
        try:
            self._start_on_free_ports(binaries)
        except BaseException:
            self._children.close()
            raise

    def stop(self) -> None:
        """Stop all three, the API server first, and free the directory; does nothing when nothing runs."""
        # Together, and the store after those who write to it; the servers keep no state, so a short grace will do.
        try:
            self._children.end(("kube-controller-manager", "kube-apiserver"), _GRACE_SECONDS)
            self._children.end(("etcd",), _GRACE_SECONDS)
        finally:
            self._children.close()

    @property
    def directory(self) -> Path:
        """Where everything is kept."""
        return self._layout.directory

    @property
    def url(self) -> str:
        """Where the API server listens: https, no slash at the end."""
        return self._prepared().url

    @property
    def ca_pem(self) -> str:
        """The certificate authority that clients trust, PEM."""
        return self._prepared().ca_pem

    @property
    def audit_log(self) -> Path:
        """One JSON object per line and answered request, level Metadata; no file when made with `audit=False`."""
        return self._layout.audit_log

    def log(self, component: Component) -> Path:
        """Return the file with a component's output, of all its starts."""
        return self._layout.log(component)

    def kubeconfig(self, user: str, groups: Sequence[str] = ()) -> Path:
        """Return a kubeconfig (mode 0600) for any user and groups, valid a year; at most 64 characters each."""
        setup = self._prepared()
        path = self._layout.kubeconfigs / kubeconfigs.file_name(user, groups)
        pair = setup.authority.issue_client(user, groups)
        return kubeconfigs.write_with_certificate(path, setup.url, setup.authority.certificate_pem, user, pair)

    def admin_kubeconfig(self) -> Path:
        """Return a kubeconfig of group system:masters, who may do everything."""
        return self.kubeconfig(_ADMIN, ("system:masters",))

    def service_account_kubeconfig(self, namespace: str, name: str, *, expiration_seconds: int = 3600) -> Path:
        """Return a kubeconfig with a new token of a service account; it and its namespace are created if missing.

        The token is checked against the account: it is worthless once that is deleted. At least 600 seconds.
        """
        setup = self._prepared()
        with clients.open_client(self.admin_kubeconfig()) as api:
            clients.ensure_service_account(api, namespace, name)
            token = clients.request_token(api, namespace, name, expiration_seconds)
        user = f"system:serviceaccount:{namespace}:{name}"
        path = self._layout.kubeconfigs / kubeconfigs.file_name(user)
        return kubeconfigs.write_with_token(path, setup.url, setup.authority.certificate_pem, user, token)

    def kubectl(
        self,
        *arguments: str,
        kubeconfig: Path | None = None,
        input: str | None = None,  # noqa: A002  # the name that subprocess.run gives it
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl, as the administrator unless told otherwise; the caller looks at `returncode` and `stderr`."""
        identity = kubeconfig or self.admin_kubeconfig()
        # A cache of its own: the user's is keyed by address, and the next control plane may get this one's port.
        environment = os.environ | {"KUBECONFIG": str(identity), "KUBECACHEDIR": str(self.directory / "kubectl-cache")}
        command = (str(self._prepared().binaries.kubectl.path), *arguments)
        return subprocess.run(command, env=environment, input=input, capture_output=True, text=True, check=False)

    def install_crds(self, folder: Path) -> None:
        """Apply every YAML file of a folder, server-side, and return once its custom resources can be used.

        Raises:
            ControlPlaneError: the server refused a file; the message is kubectl's.
            NotReadyError: a resource was applied, but not served within half a minute.
        """
        if not crds.manifests(folder):
            return
        applied = self.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(folder))
        if applied.returncode != 0:
            raise ControlPlaneError(f"{folder} was refused; mend it and apply again: {applied.stderr.strip()}")
        with clients.open_client(self.admin_kubeconfig()) as api:
            crds.wait_until_served(api, crds.read_kinds(folder))

    def start_component(self, component: Component) -> None:
        """Start one component, as after `kill`, and return once it is ready.

        Raises:
            ControlPlaneError: it runs already, or the control plane was never started.
            NotReadyError: it ended, or was not ready within a minute; kube-apiserver needs etcd for that.
        """
        setup = self._prepared()
        log = self._layout.log(component)
        log_start = log.stat().st_size if log.exists() else 0
        self._children.spawn(component, setup.command(component), log)
        self._wait_until_ready(setup, component, log_start)

    def kill(self, component: Component) -> None:
        """End one component at once (SIGKILL) and return once it is gone."""
        self._children.end((component,), grace_seconds=0)

    def pause(self, component: Component) -> None:
        """Freeze one component (SIGSTOP): it keeps its connections and answers nothing."""
        self._children.send(component, signal.SIGSTOP)

    def resume(self, component: Component) -> None:
        """Let a frozen component go on (SIGCONT)."""
        self._children.send(component, signal.SIGCONT)

    def is_ready(self) -> bool:
        """Return whether the API server says that it is ready, now."""
        return ask(self._prepared().health("kube-apiserver")) is None

    def pids(self) -> dict[str, int]:
        """Return the process ids of the components that run, by name."""
        return self._children.pids()

    def usage(self) -> dict[str, Usage]:
        """Return what each running component has used since its start, by name."""
        return self._children.usage()

    def _prepared(self) -> Setup:
        if self._setup is None:
            raise ControlPlaneError("the control plane was not started: call start(), or use it in a `with` statement")
        return self._setup

    def _start_on_free_ports(self, binaries: Binaries) -> None:
        # Two control planes that start at the same moment may choose the same port.
        for attempt in range(1, _START_ATTEMPTS + 1):
            self._setup = prepare(self._layout, binaries, audit=self._audit)
            try:
                for component in COMPONENTS:
                    self.start_component(component)
            except PortTakenError:
                self._children.end(COMPONENTS, grace_seconds=0)
                if attempt == _START_ATTEMPTS:
                    raise
            else:
                break
        self._wait_until_controllers_work()

    def _wait_until_controllers_work(self) -> None:
        # The controller manager says that it is healthy seconds before its last controller runs.
        with clients.open_client(self.admin_kubeconfig()) as api:
            missing = wait_until_none(
                lambda: None if clients.has_default_account(api) else "no service account default/default",
                _READY_TIMEOUT_SECONDS,
            )
        if missing is not None:
            raise NotReadyError(f"the controllers do not work: {missing}; read {self.log('kube-controller-manager')}")

    def _wait_until_ready(self, setup: Setup, component: Component, log_start: int) -> None:
        check = setup.health(component)
        refusal = wait_until_none(
            lambda: ask(check) if self._children.is_running(component) else None, _READY_TIMEOUT_SECONDS
        )
        code = self._children.exit_code(component)
        if refusal is None and code is None:
            return
        seen = f"did not become ready: {refusal}" if code is None else f"ended with code {code}"
        log = self._layout.log(component)
        lines = log.read_bytes()[log_start:].decode(errors="replace").splitlines()
        taken = code is not None and any(_PORT_TAKEN in line for line in lines)
        kind = PortTakenError if taken else NotReadyError
        raise kind("\n".join((f"{component} {seen}; the end of {log}:", *lines[-_LOG_TAIL_LINES:])))
