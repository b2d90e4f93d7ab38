"""What one start needs before any process runs: ports, certificates, configuration files; then commands from them."""

from dataclasses import dataclass
from pathlib import Path

from gpuwright_sandbox.controlplane import kubeconfigs
from gpuwright_sandbox.controlplane.certificates import Authority, KeyPair, create_token_keys, write_private
from gpuwright_sandbox.controlplane.configuration import (
    SERVING_NAMES,
    Files,
    apiserver_arguments,
    audit_policy,
    authentication,
    etcd_arguments,
    manager_arguments,
)
from gpuwright_sandbox.controlplane.health import HealthCheck
from gpuwright_sandbox.controlplane.layout import LOOPBACK, Component, Layout, Ports, take_ports
from gpuwright_sandbox.controlplane.selection import Binaries

_MANAGER_USER = "system:kube-controller-manager"
_ETCD_USER = "kube-apiserver-etcd-client"


@dataclass(frozen=True, slots=True)
class Setup:
    """Everything that commands and kubeconfigs are made from."""

    layout: Layout
    ports: Ports
    authority: Authority
    binaries: Binaries
    audit: bool

    @property
    def url(self) -> str:
        """Where the API server listens, without a slash at the end."""
        return f"https://{LOOPBACK}:{self.ports.apiserver}"

    @property
    def ca_pem(self) -> str:
        """The certificate that clients trust, PEM."""
        return self.authority.certificate_pem.decode()

    def command(self, component: Component) -> tuple[str, ...]:
        """Return the command line that runs a component."""
        match component:
            case "etcd":
                arguments = etcd_arguments(self.layout, self.ports)
            case "kube-apiserver":
                arguments = apiserver_arguments(self.layout, self.ports, audit=self.audit)
            case "kube-controller-manager":
                arguments = manager_arguments(self.layout, self.ports)
        return (str(self.binaries.by_program()[component].path), *arguments)

    def health(self, component: Component) -> HealthCheck:
        """Return the endpoint that says when a component can be used."""
        match component:
            case "etcd":
                files = Files.of(self.layout)
                return HealthCheck(
                    self.ports.etcd, "/health", self.ca_pem, (files.etcd_client_certificate, files.etcd_client_key)
                )
            case "kube-apiserver":
                return HealthCheck(self.ports.apiserver, "/readyz", self.ca_pem)
            case "kube-controller-manager":
                return HealthCheck(self.ports.controller_manager, "/healthz", self.ca_pem)


def prepare(layout: Layout, binaries: Binaries, *, audit: bool) -> Setup:
    """Write what the components read at their start, keeping the authority and token key of an earlier start."""
    setup = Setup(layout, take_ports(layout.ports), Authority.load_or_create(layout.pki), binaries, audit)
    files = Files.of(layout)
    _write_pair(files.serving_certificate, files.serving_key, setup.authority.issue_serving(SERVING_NAMES))
    _write_pair(files.etcd_client_certificate, files.etcd_client_key, setup.authority.issue_client(_ETCD_USER))
    _keep_token_keys(files.token_key, files.token_public_key)
    files.audit_policy.write_text(audit_policy())
    files.authentication.write_text(authentication())
    kubeconfigs.write_with_certificate(
        files.manager_kubeconfig,
        setup.url,
        setup.authority.certificate_pem,
        _MANAGER_USER,
        setup.authority.issue_client(_MANAGER_USER),
    )
    return setup


def _write_pair(certificate: Path, key: Path, pair: KeyPair) -> None:
    write_private(certificate, pair.certificate_pem)
    write_private(key, pair.key_pem)


def _keep_token_keys(private: Path, public: Path) -> None:
    # A new key would make every token handed out before worthless.
    if private.exists() and public.exists():
        return
    private_pem, public_pem = create_token_keys()
    write_private(private, private_pem)
    write_private(public, public_pem)
