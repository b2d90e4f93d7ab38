"""The gateway as a child process, with a small blocking client for its control API."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from http.client import HTTPConnection
from pathlib import Path
from typing import TypeAlias

from gpuwright_sandbox.gateway.door import LOOPBACK, PortReservation, answers
from gpuwright_sandbox.gateway.settings import DEFAULT_TOKEN
from gpuwright_sandbox.gateway.shapes import Json, dump, parse
from gpuwright_sandbox.started import Started, comes_up

START_SECONDS = 60.0
STOP_SECONDS = 5.0
GLANCE_SECONDS = 0.01
TIMEOUT_SECONDS = 10.0

Object: TypeAlias = "dict[str, Json]"


class GatewayProcessError(Exception):
    """The gateway did not start, or did not do what it was asked; read the message, which ends with its output."""


class GatewayProcess(Started):
    """A gateway in a process of its own, for tests and demos that also run the operator as a process.

    `with GatewayProcess() as gateway:` starts and stops it. The port stays the same, and nobody else's, until `close`.

    Args:
        settings: settings of the start, as PATCH /_sandbox/settings takes them; sent again after each start.
        token: the accepted token.
        store: a file in which machines survive `kill` and `restart`; None = they do not.
        port: 0 = any free one.
        verbose: let it print a line for each request, for `output`.
    """

    def __init__(
        self,
        settings: Mapping[str, Json] | None = None,
        *,
        token: str = DEFAULT_TOKEN,
        store: Path | None = None,
        port: int = 0,
        verbose: bool = False,
    ) -> None:
        self.token = token
        self._settings = dict(settings or {})
        self._store = store
        self._verbose = verbose
        self._reservation = PortReservation(port)
        self._child: subprocess.Popen[bytes] | None = None
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 (closed in `close`, with the process)

    @property
    def port(self) -> int:
        """The port that it listens on, or will."""
        return self._reservation.port

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def pid(self) -> int | None:
        """The id of the process; None while none runs."""
        return None if self._child is None else self._child.pid

    def start(self) -> None:
        """Start it and return when it answers.

        Raises:
            GatewayProcessError: it ended at once, or did not answer within a minute.
        """
        command = [sys.executable, "-m", "gpuwright_sandbox.gateway"]
        # Its input ends with this process, however that dies: no gateway is left over.
        command += ["--until-eof", "--port", str(self.port), "--token", self.token]
        if self._store is not None:
            command += ["--store", str(self._store)]
        if self._verbose:
            command.append("--verbose")
        self._child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=self._output, stderr=subprocess.STDOUT, env=dict(os.environ)
        )
        if not comes_up(self._child, lambda: answers(self.port), START_SECONDS, GLANCE_SECONDS):
            self.kill()
            raise GatewayProcessError(f"the gateway did not start on port {self.port}:\n{self.output()}")
        if self._settings:
            self.change_settings(**self._settings)

    def stop(self) -> int | None:
        """End it in good order (SIGTERM) and return its exit code; None when it does not run."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once (SIGKILL); nothing happens when it does not run."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """Freeze it (SIGSTOP): connections are accepted by the kernel, and nothing answers until `resume`."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it run on (SIGCONT)."""
        self._signal(signal.SIGCONT)

    def restart(self) -> None:
        """End it and start it again on the same port; machines survive if there is a store."""
        self.stop()
        self.start()

    def close(self) -> None:
        """End it and give the port back."""
        self.kill()
        self._reservation.close()
        self._output.close()

    def machines(self) -> list[Object]:
        """Return every machine there is and was, as GET /_sandbox/machines shows them."""
        return _objects(self.ask("GET", "/_sandbox/machines"))

    def live_machines(self) -> list[Object]:
        """Return the machines that bill."""
        return [machine for machine in self.machines() if machine["alive"]]

    def owners(self) -> dict[str, Object]:
        """Return, by owner uid, `live`, `peak` and `created`."""
        return {uid: _object(count) for uid, count in _object(self.ask("GET", "/_sandbox/owners")).items()}

    def doubled(self) -> list[str]:
        """Return the owner uids that had two live machines at some moment: the list that must be empty."""
        return [uid for uid, count in self.owners().items() if uid and _number(count["peak"]) > 1]

    def requests(self, call: str = "", name: str = "", after: int = 0) -> list[Object]:
        """Return what was asked, as GET /_sandbox/requests shows it; `name` must need no encoding."""
        return _objects(self.ask("GET", f"/_sandbox/requests?call={call}&name={name}&after={after}"))

    def add_fault(self, **spec: Json) -> Object:
        """Return the fault that is now set."""
        return _object(self.ask("POST", "/_sandbox/faults", spec))

    def faults(self) -> list[Object]:
        """Return the faults that are set, each with what it has `seen` and `done`."""
        return _objects(self.ask("GET", "/_sandbox/faults"))

    def clear_faults(self) -> None:
        """Clear all faults."""
        self.ask("DELETE", "/_sandbox/faults")

    def act(self, machine: str, verb: str, **body: Json) -> Object:
        """Return a machine (by id or name) after `verb` was done to it: preempt, vanish, fail, stop, rename-owner."""
        return _object(self.ask("POST", f"/_sandbox/machines/{machine}/{verb}", body))

    def settings(self) -> Object:
        """Return all settings."""
        return _object(self.ask("GET", "/_sandbox/settings"))

    def change_settings(self, **changes: Json) -> Object:
        """Return all settings after a change."""
        return _object(self.ask("PATCH", "/_sandbox/settings", changes))

    def change_clock(self, *, speed: float | None = None, advance_seconds: float = 0.0) -> None:
        """Let the gateway's clock jump and then run at another speed."""
        self.ask("POST", "/_sandbox/clock", {"speed": speed, "advance_seconds": advance_seconds})

    def reset(self) -> None:
        """Forget everything, and go back to the settings of the start."""
        self.ask("POST", "/_sandbox/reset")
        if self._settings:
            self.change_settings(**self._settings)

    def ask(self, method: str, path: str, body: Json = None) -> Json:
        """Return the JSON that the gateway answers, with its token sent along.

        Raises:
            GatewayProcessError: the answer was no success.
            OSError: there was no answer.
        """
        connection = HTTPConnection(LOOPBACK, self.port, timeout=TIMEOUT_SECONDS)
        try:
            headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
            connection.request(method, path, None if body is None else dump(body), headers)
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        if response.status >= 300:
            raise GatewayProcessError(f"{method} {path}: {response.status} {content.decode(errors='replace')}")
        return parse(content)

    def output(self) -> str:
        """Return what it has printed since the first start."""
        self._output.seek(0)
        return self._output.read().decode(errors="replace")

    def _signal(self, number: signal.Signals) -> None:
        if self._child is not None:
            self._child.send_signal(number)

    def _end(self, number: signal.Signals) -> int | None:
        if self._child is None:
            return None
        # A frozen process would not see SIGTERM.
        self._child.send_signal(signal.SIGCONT)
        self._child.send_signal(number)
        try:
            self._child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._child.kill()
        code = self._child.wait()
        if self._child.stdin is not None:
            self._child.stdin.close()
        self._child = None
        return code


def _object(body: Json) -> Object:
    if not isinstance(body, dict):
        raise GatewayProcessError(f"an object was expected, not {body!r}")
    return body


def _objects(body: Json) -> list[Object]:
    items = _object(body).get("items")
    return [_object(item) for item in items] if isinstance(items, list) else []


def _number(value: Json) -> float:
    return value if isinstance(value, int | float) else 0.0
