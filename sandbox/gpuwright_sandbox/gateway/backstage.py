"""Everything behind the two doors of the gateway, public and control; without any HTTP."""

from collections.abc import Callable, Mapping
from pathlib import Path

from gpuwright_sandbox.gateway.api import Api
from gpuwright_sandbox.gateway.clock import Clock
from gpuwright_sandbox.gateway.faults import FaultBook
from gpuwright_sandbox.gateway.fleet import Fleet
from gpuwright_sandbox.gateway.machines import OWNER_LABEL, OWNER_UID_LABEL, Machine
from gpuwright_sandbox.gateway.request_log import RequestLog
from gpuwright_sandbox.gateway.settings import Settings, changed
from gpuwright_sandbox.gateway.shapes import FieldError, Json
from gpuwright_sandbox.gateway.truth import Truth

_OWNER_LABELS = {"owner_uid": OWNER_UID_LABEL, "owner": OWNER_LABEL}


class Backstage:
    """The truth, the faults that are set, what was asked, and the settings.

    Attributes:
        clock: the gateway's clock.
        faults: the faults that are set.
        requests: what was asked of the public API.
    """

    def __init__(self, settings: Settings, clock: Clock, store: Path | None) -> None:
        self.clock = clock
        self.faults = FaultBook()
        self.requests = RequestLog(settings.requests_kept)
        self._first_settings = settings
        self._store = store
        self._truth = Truth(clock, settings)
        self.api = self._new_api()

    @property
    def truth(self) -> Truth:
        """What is true."""
        return self._truth

    @property
    def fleet(self) -> Fleet:
        """The machines."""
        return self._truth.fleet

    @property
    def settings(self) -> Settings:
        """The settings as they are now."""
        return self.fleet.settings

    def change_settings(self, changes: Json) -> Settings:
        """Return the settings after a change; what happens from now on follows them.

        Raises:
            FieldError: a setting is unknown or has a wrong type; nothing was changed.
        """
        settings = changed(self.settings, changes)
        if settings.requests_kept != self.settings.requests_kept:
            self.requests.keep(settings.requests_kept)
        self.fleet.settings = settings
        return settings

    def act_on(self, machine: Machine, verb: str, body: Json) -> Machine:
        """Return a machine after the provider, or somebody else, did something to it behind the client's back.

        Args:
            machine: any machine, of whatever account.
            verb: preempt, vanish, fail (body: `reason`), stop, or rename-owner (body: `owner_uid`, `owner`).
            body: a JSON object.

        Raises:
            FieldError: there is no such verb, or the body does not fit.
        """
        words = _words(body)
        fleet = self.fleet
        deeds: Mapping[str, Callable[[], Machine]] = {
            "preempt": lambda: fleet.preempt(machine, **_only(words, "reason")),
            "vanish": lambda: fleet.vanish(machine),
            "fail": lambda: fleet.fail(machine, **_only(words, "reason")),
            "stop": lambda: fleet.stop(machine),
            "rename-owner": lambda: fleet.relabel(
                machine, {_OWNER_LABELS[key]: value for key, value in _only(words, *_OWNER_LABELS).items()}
            ),
        }
        if verb not in deeds:
            raise FieldError("action", f"must be one of {', '.join(deeds)}, not {verb!r}")
        return deeds[verb]()

    def reset(self) -> None:
        """Forget machines, faults and requests, and go back to the settings of the start."""
        self._truth.reset()
        self.faults.clear()
        self.requests.clear()
        self.fleet.settings = self._first_settings

    def open(self) -> None:
        """Read the store, if there is one, as a new process would; faults and settings stay."""
        if self._store is not None:
            self._truth.close()
            self._truth = Truth(self.clock, self.settings, self._store)
            self.api = self._new_api()

    def close(self) -> None:
        """Let go of the store."""
        self._truth.close()

    def _new_api(self) -> Api:
        return Api(self._truth.fleet, self._truth.images, self._truth.replays)


def _words(body: Json) -> dict[str, str]:
    if not isinstance(body, dict):
        raise FieldError("", "must be an object")
    return {key: str(value) for key, value in body.items()}


def _only(words: dict[str, str], *known: str) -> dict[str, str]:
    for key in words:
        if key not in known:
            raise FieldError(key, f"unknown; known are {', '.join(known)}")
    return words
