"""Kubeconfig files."""

import base64
from pathlib import Path

import yaml

from gpuwright_sandbox.controlplane import kubeconfigs
from gpuwright_sandbox.controlplane.certificates import KeyPair

PAIR = KeyPair(b"certificate", b"key")


def test_a_kubeconfig_holds_everything_and_is_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    kubeconfigs.write_with_certificate(path, "https://127.0.0.1:1", b"authority", "jane", PAIR)
    content = yaml.safe_load(path.read_text())
    assert path.stat().st_mode & 0o777 == 0o600
    assert content["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:1"
    assert base64.b64decode(content["clusters"][0]["cluster"]["certificate-authority-data"]) == b"authority"
    assert base64.b64decode(content["users"][0]["user"]["client-key-data"]) == b"key"
    assert content["contexts"][0]["context"] == {"cluster": content["clusters"][0]["name"], "user": "jane"}
    assert content["current-context"] == content["contexts"][0]["name"]


def test_a_token_stands_in_for_a_certificate(tmp_path: Path) -> None:
    path = kubeconfigs.write_with_token(tmp_path / "kubeconfig", "https://127.0.0.1:1", b"authority", "robot", "secret")
    assert yaml.safe_load(path.read_text())["users"] == [{"name": "robot", "user": {"token": "secret"}}]


def test_every_user_and_set_of_groups_has_a_file_of_its_own() -> None:
    names = [
        kubeconfigs.file_name("system:admin"),
        kubeconfigs.file_name("system_admin"),
        kubeconfigs.file_name("system:admin", ("a",)),
        kubeconfigs.file_name("system:admin", ("a", "b")),
    ]
    assert len(set(names)) == len(names)
    assert not any("/" in name or ":" in name for name in (*names, kubeconfigs.file_name("../a/b")))


def test_the_order_of_groups_does_not_matter() -> None:
    assert kubeconfigs.file_name("jane", ("a", "b")) == kubeconfigs.file_name("jane", ("b", "a"))
