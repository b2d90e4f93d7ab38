"""Who may log in to a machine: the entries of ComputeInstance.spec.bootstrap.sshAuthorizedKeys."""

import re
from typing import Annotated

from pydantic import Field, StringConstraints

from gpuwright.model.api_base import Must, distinct

MAX_KEYS = 32
LONGEST_KEY = 4096  # characters; the longest that ssh-keygen makes, RSA of 16384 bits, has 2,750 and its comment
PRIVATE = (
    "this looks like a private key, which nobody but its owner may have: write the public one, which is the line in "
    "the file beside it that ends in .pub"
)
NOT_ONE_LINE = "must be one line: write each key as an entry of its own, without a line break behind it"
NOT_PUBLIC = (
    "must be a public key as it stands in a file that ends in .pub, without options before it: its type (ssh-ed25519, "
    "ssh-rsa, ecdsa-sha2-nistp256, -384 or -521, sk-ssh-ed25519@openssh.com, sk-ecdsa-sha2-nistp256@openssh.com), then "
    "the key, which begins with AAAA, then a comment if any"
)
_TYPES = "ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)|sk-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh[.]com"
_PRIVATE = "PRIVATE KEY-----|PuTTY-User-Key-File"
_CONTROL = r"[\x00-\x1f\x7f]"
_PUBLIC = rf"^({_TYPES}) +AAAA[!-~]*( .*)?$"


def _found(pattern: str) -> str:
    quoted = pattern.replace("\\", "\\\\")
    return f"self.matches('{quoted}')"


def _sentences() -> tuple[Must[str], Must[str], Must[str]]:
    """Return the rules, of which a bad key breaks one: it is told the one thing that is wrong with it."""
    private, control, public = (re.compile(pattern) for pattern in (_PRIVATE, _CONTROL, _PUBLIC))
    return (
        Must(f"!{_found(_PRIVATE)}", lambda key: not private.search(key), PRIVATE),
        Must(
            f"{_found(_PRIVATE)} || !{_found(_CONTROL)}",
            lambda key: bool(private.search(key)) or not control.search(key),
            NOT_ONE_LINE,
        ),
        Must(
            _found(f"{_PRIVATE}|{_CONTROL}|{_PUBLIC}"),
            lambda key: any(found.search(key) for found in (private, control, public)),
            NOT_PUBLIC,
        ),
    )


def _itself(key: str) -> str:
    return key


SshKey = Annotated[
    str,
    StringConstraints(max_length=LONGEST_KEY),
    *_sentences(),
]
SshKeys = Annotated[list[SshKey], Field(max_length=MAX_KEYS), distinct(_itself, "each key may stand there once")]
