"""A compute gateway for tests and demos: a real HTTP server, with the truth kept apart from what it answers."""

from gpuwright_sandbox.gateway.clock import Clock, ManualClock, SandboxClock
from gpuwright_sandbox.gateway.faults import Fault
from gpuwright_sandbox.gateway.fleet import Fleet
from gpuwright_sandbox.gateway.machines import Machine, MachineState
from gpuwright_sandbox.gateway.process import GatewayProcess, GatewayProcessError
from gpuwright_sandbox.gateway.request_log import RequestRecord
from gpuwright_sandbox.gateway.server import SandboxGateway
from gpuwright_sandbox.gateway.settings import Dialect, Settings
from gpuwright_sandbox.gateway.tally import OwnerCount

__all__ = [
    "Clock",
    "Dialect",
    "Fault",
    "Fleet",
    "GatewayProcess",
    "GatewayProcessError",
    "Machine",
    "MachineState",
    "ManualClock",
    "OwnerCount",
    "RequestRecord",
    "SandboxClock",
    "SandboxGateway",
    "Settings",
]
