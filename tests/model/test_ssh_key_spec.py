"""ComputeInstance.spec.bootstrap.sshAuthorizedKeys: public keys, and nothing else that people paste."""

import pytest
from pydantic import ValidationError

from gpuwright.model.api_base import sentences
from gpuwright.model.bootstrap_spec import Bootstrap
from gpuwright.model.ssh_key_spec import LONGEST_KEY, MAX_KEYS, NOT_ONE_LINE, NOT_PUBLIC, PRIVATE

ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHZjYW5ub3QgbG9nIGluIGFueXdoZXJlLCB0aGlz"


def refusal(*keys: object) -> tuple[str, ...]:
    with pytest.raises(ValidationError) as caught:
        Bootstrap.model_validate({"sshAuthorizedKeys": [*keys]})
    return sentences(caught.value, "bootstrap")


@pytest.mark.parametrize(
    "key",
    [
        ED25519,
        f"{ED25519} me@example",
        f"{ED25519} a comment of é words, and a ssh-rsa in it",
        "ssh-ed25519  AAAAC3 two blanks",
        "ssh-rsa AAAAB3NzaC1yc2E=",
        "ecdsa-sha2-nistp521 AAAAE2VjZHNh",
        "sk-ecdsa-sha2-nistp256@openssh.com AAAAInNr",
    ],
)
def test_a_public_key_is_taken_as_it_stands(key: str) -> None:
    assert Bootstrap.model_validate({"sshAuthorizedKeys": [key]}).ssh_authorized_keys == [key]


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        pytest.param("-----BEGIN OPENSSH PRIVATE KEY-----\nb3Blb", PRIVATE, id="private"),
        pytest.param("-----BEGIN RSA PRIVATE KEY-----", PRIVATE, id="private, of old"),
        pytest.param("PuTTY-User-Key-File-3: ssh-ed25519", PRIVATE, id="PuTTY's"),
        pytest.param(f"{ED25519}\n", NOT_ONE_LINE, id="a line break behind it"),
        pytest.param(f"{ED25519}\r\n{ED25519}", NOT_ONE_LINE, id="two lines"),
        pytest.param("", NOT_PUBLIC, id="empty"),
        pytest.param("AAAAC3NzaC1lZDI1NTE5", NOT_PUBLIC, id="no type"),
        pytest.param("ssh-dss AAAAB3NzaC1kc3M", NOT_PUBLIC, id="a type that no server takes"),
        pytest.param("ssh-ed25519", NOT_PUBLIC, id="a type alone"),
        pytest.param("ssh-ed25519 me@example", NOT_PUBLIC, id="no key"),
        pytest.param(f'command="reboot" {ED25519}', NOT_PUBLIC, id="options"),
        pytest.param("~/.ssh/id_ed25519.pub", NOT_PUBLIC, id="a path"),
        pytest.param(f" {ED25519}", NOT_PUBLIC, id="a blank before it"),
    ],
)
def test_whatever_else_is_refused_with_what_to_write(key: str, sentence: str) -> None:
    assert refusal(key) == (f"bootstrap.sshAuthorizedKeys.0: {sentence}",)


def test_a_key_stands_there_once() -> None:
    assert refusal(ED25519, ED25519) == ("bootstrap.sshAuthorizedKeys: each key may stand there once",)


def test_there_are_so_many_keys_of_such_a_length() -> None:
    keys = [f"ssh-ed25519 AAAA{number}" for number in range(MAX_KEYS + 1)]
    Bootstrap.model_validate({"sshAuthorizedKeys": keys[:-1]})
    assert refusal(*keys)
    longest = "ssh-rsa AAAA".ljust(LONGEST_KEY, "a")
    Bootstrap.model_validate({"sshAuthorizedKeys": [longest]})
    assert refusal(f"{longest}a")


def test_a_private_key_is_not_repeated_in_what_is_said() -> None:
    assert "b3BlbnNzaC1r" not in str(refusal("-----BEGIN OPENSSH PRIVATE KEY-----b3BlbnNzaC1r"))
