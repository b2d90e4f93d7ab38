"""Command lines and configuration files."""

import json
from pathlib import Path

import pytest

from gpuwright_sandbox.controlplane.configuration import (
    apiserver_arguments,
    audit_policy,
    authentication,
    etcd_arguments,
    manager_arguments,
)
from gpuwright_sandbox.controlplane.layout import Layout, Ports

LAYOUT = Layout(Path("/plane"))
PORTS = Ports(etcd=1, apiserver=2, controller_manager=3)


def test_the_audit_policy_omits_no_request() -> None:
    assert json.loads(audit_policy())["rules"] == [{"level": "Metadata"}]


def test_strangers_may_ask_for_health_only() -> None:
    anonymous = json.loads(authentication())["anonymous"]
    assert {condition["path"] for condition in anonymous["conditions"]} == {"/livez", "/readyz", "/healthz"}


@pytest.mark.parametrize("audit", [pytest.param(True, id="with-audit"), pytest.param(False, id="without-audit")])
def test_audit_is_a_choice(audit: bool) -> None:
    arguments = apiserver_arguments(LAYOUT, PORTS, audit=audit)
    assert any(argument.startswith("--audit") for argument in arguments) is audit


def test_everything_listens_on_loopback_only() -> None:
    assert "--bind-address=127.0.0.1" in apiserver_arguments(LAYOUT, PORTS, audit=False)
    assert "--bind-address=127.0.0.1" in manager_arguments(LAYOUT, PORTS)
    addresses = [argument for argument in etcd_arguments(LAYOUT, PORTS) if "-urls=" in argument]
    assert all("://127.0.0.1:" in argument for argument in addresses)


def test_no_option_is_given_twice() -> None:
    for arguments in (
        etcd_arguments(LAYOUT, PORTS),
        apiserver_arguments(LAYOUT, PORTS, audit=True),
        manager_arguments(LAYOUT, PORTS),
    ):
        names = [argument.split("=")[0] for argument in arguments]
        assert len(names) == len(set(names))
