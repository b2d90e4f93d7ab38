"""Kubeconfig files: who somebody is towards one control plane. Written as JSON, which is YAML without surprises."""

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path

from gpuwright_sandbox.controlplane.certificates import KeyPair, write_private

_CONTEXT = "gpuwright-sandbox"


def write_with_certificate(path: Path, url: str, authority_pem: bytes, user: str, pair: KeyPair) -> Path:
    """Write a kubeconfig (mode 0600) for a user who shows a client certificate; return its path."""
    credentials = {
        "client-certificate-data": _base64(pair.certificate_pem),
        "client-key-data": _base64(pair.key_pem),
    }
    return _write(path, url, authority_pem, user, credentials)


def write_with_token(path: Path, url: str, authority_pem: bytes, user: str, token: str) -> Path:
    """Write a kubeconfig (mode 0600) for a user who shows a bearer token; return its path."""
    return _write(path, url, authority_pem, user, {"token": token})


def file_name(user: str, groups: Sequence[str] = ()) -> str:
    """Return a file name that is legible and differs for every user and set of groups."""
    digest = hashlib.sha256(json.dumps([user, sorted(groups)]).encode()).hexdigest()[:8]
    return f"{re.sub(r'[^A-Za-z0-9.-]+', '_', user)}-{digest}.kubeconfig"


def _write(path: Path, url: str, authority_pem: bytes, user: str, credentials: dict[str, str]) -> Path:
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": _CONTEXT,
        "clusters": [
            {"name": _CONTEXT, "cluster": {"server": url, "certificate-authority-data": _base64(authority_pem)}}
        ],
        "users": [{"name": user, "user": credentials}],
        "contexts": [{"name": _CONTEXT, "context": {"cluster": _CONTEXT, "user": user}}],
    }
    return write_private(path, json.dumps(content, indent=1).encode())


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
