"""The process's settings: flags, each with an environment twin. Bad ones are told all at once, one line each."""

import argparse
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Literal
from urllib.parse import unquote, urlsplit

from gpuwright.model.addresses import Network, Proxy

PREFIX = "GPUWRIGHT_"
LEVELS = ("debug", "info", "warning", "error")
FORMATS = ("json", "text")


class BadSettings(Exception):
    """One line for each setting that is wrong, each with what to write instead."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = tuple(lines)


@dataclass(frozen=True, slots=True)
class Settings:
    """What an administrator decides."""

    watch_namespaces: tuple[str, ...]
    namespace: str
    leader_elect: bool
    http_host: str
    http_port: int
    allowed: tuple[Network, ...]
    proxy: Proxy | None
    log_format: Literal["json", "text"]
    log_level: str
    cluster_id: str
    secret_finalizers: bool


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line; its help names the environment twins."""
    made = argparse.ArgumentParser(
        prog="gpuwright",
        description="Kubernetes operator: one ComputeInstance, exactly one GPU machine. "
        "Each flag can be set by the environment, too: --log-level as GPUWRIGHT_LOG_LEVEL; lists are split at commas.",
    )
    made.add_argument(
        "--watch-namespace", action="append", metavar="NAME", help="watch only this namespace; repeatable"
    )
    made.add_argument(
        "--namespace", metavar="NAME", help="the operator's own namespace: its Lease, and Secrets of cluster providers"
    )
    made.add_argument(
        "--leader-elect", action=argparse.BooleanOptionalAction, default=None, help="one replica acts, others stand by"
    )
    made.add_argument("--http-bind", metavar="HOST:PORT", help="where /metrics, /healthz and /readyz are served")
    made.add_argument(
        "--allow-endpoint-cidr",
        action="append",
        metavar="CIDR",
        help="addresses that a provider may have beside public https",
    )
    made.add_argument(
        "--provider-proxy",
        metavar="URL",
        help="HTTP proxy to public https endpoints, http://[user:password@]host:port; what --allow-endpoint-cidr "
        "names, and a cluster provider's private addresses, are reached without it",
    )
    made.add_argument("--log-format", metavar="json|text", help="how log lines look")
    made.add_argument("--log-level", metavar="LEVEL", help="debug, info, warning or error")
    made.add_argument(
        "--cluster-id", metavar="ID", help="identity of this cluster; default: the uid of namespace kube-system"
    )
    made.add_argument(
        "--no-secret-finalizers", action="store_true", default=None, help="put no finalizer on Secrets in use"
    )
    return made


def parse_settings(arguments: Sequence[str], environment: Mapping[str, str]) -> Settings:
    """Return the settings. Raises BadSettings; `--help` ends the process as usual."""
    given = vars(parser().parse_args(arguments))
    problems: list[str] = []

    def text(name: str, default: str) -> str:
        value = given[name]
        # An empty variable is one that a chart has left empty: the same as none, as everywhere in this API.
        return str(value) if value is not None else environment.get(PREFIX + name.upper()) or default

    def several(name: str) -> tuple[str, ...]:
        value = given[name]
        if value is None:
            value = environment.get(PREFIX + name.upper(), "").split(",")
        return tuple(entry.strip() for entry in value if entry.strip())

    def flag(name: str, *, default: bool) -> bool:
        value = given[name]
        if value is not None:
            return bool(value)
        word = environment.get(PREFIX + name.upper(), "").lower()
        if word not in {"", "true", "false"}:
            problems.append(f"{PREFIX}{name.upper()}={word}: write true or false")
        return word == "true" if word else default

    host, port = _bind(text("http_bind", "0.0.0.0:8080"), problems)
    settings = Settings(
        watch_namespaces=tuple(_name(entry, "--watch-namespace", problems) for entry in several("watch_namespace")),
        namespace=_name(text("namespace", "gpuwright-system"), "--namespace", problems),
        leader_elect=flag("leader_elect", default=True),
        http_host=host,
        http_port=port,
        allowed=tuple(_networks(several("allow_endpoint_cidr"), problems)),
        proxy=_proxy(text("provider_proxy", ""), problems),
        log_format="json"
        if _one_of(text("log_format", "json"), FORMATS, "--log-format", problems) == "json"
        else "text",
        log_level=_one_of(text("log_level", "info").lower(), LEVELS, "--log-level", problems),
        cluster_id=text("cluster_id", ""),
        secret_finalizers=not flag("no_secret_finalizers", default=False),
    )
    if problems:
        raise BadSettings(problems)
    return settings


def _bind(value: str, problems: list[str]) -> tuple[str, int]:
    host, colon, port = value.rpartition(":")
    if not colon or not (port.isascii() and port.isdigit()) or not 0 <= int(port) <= 65535:
        problems.append(f"--http-bind {value}: write host:port, such as 127.0.0.1:8080")
        return "", 0
    return host.strip("[]"), int(port)


def _name(value: str, flag: str, problems: list[str]) -> str:
    if not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", value):
        problems.append(f"{flag} {value}: write the name of a namespace, such as team-a")
    return value


def _networks(values: Sequence[str], problems: list[str]) -> list[Network]:
    found: list[Network] = []
    for value in values:
        try:
            found.append(ip_network(value))
        except ValueError:
            problems.append(f"--allow-endpoint-cidr {value}: write a network, such as 10.1.0.0/16 or 127.0.0.1/32")
    return found


def _proxy(value: str, problems: list[str]) -> Proxy | None:
    if not value:
        return None
    try:
        parts = urlsplit(value)
        host, port = parts.hostname or "", parts.port or 0
    except ValueError:
        host, port = "", 0
    if not host or not port or parts.scheme != "http" or parts.path not in {"", "/"} or parts.query or parts.fragment:
        # Not quoted: it may hold a password.
        problems.append("--provider-proxy: write http://host:port or http://user:password@host:port, no more")
        return None
    if parts.username is None:
        return Proxy(host, port)
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return Proxy(host, port, f"Basic {b64encode(pair.encode()).decode()}")


def _one_of(value: str, allowed: Sequence[str], flag: str, problems: list[str]) -> str:
    if value not in allowed:
        problems.append(f"{flag} {value}: write one of {', '.join(allowed)}")
    return value
