"""What a machine at EC2 reads at its first boot. It holds secrets: it is never logged."""

import shlex
from email import message_from_string
from email.message import Message
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

import orjson

from gpuwright.model.conditions import Reason
from gpuwright.model.errors import Rejected
from gpuwright.model.request import MachineRequest

MAX_USER_DATA = 16 * 1024  # bytes, before base64 (EC2 user guide, "Run commands at launch")
ENV_FILE = "/etc/gpuwright/env"
APPEND = "list(append)+dict(no_replace,recurse_list)+str()"
"""How cloud-init joins our part with what the user's part says of the same keys: without it one list would go."""


def user_data_of(request: MachineRequest) -> bytes:
    """Return the user data as it is, or a document of several parts for cloud-init where more goes along with it.

    Raises:
        Rejected: it is more than EC2 takes.
    """
    wishes = request.wishes
    text = wishes.user_data or ""
    content = (_of_parts(request, text) if wishes.env or wishes.ssh_keys else text).encode()
    if len(content) > MAX_USER_DATA:
        raise Rejected(
            f"user data, environment and SSH keys are {len(content)} bytes together, and EC2 takes {MAX_USER_DATA}: "
            "let the machine fetch what is large",
            Reason.REQUEST_REJECTED,
        )
    return content


def _of_parts(request: MachineRequest, text: str) -> str:
    """Return the environment, which is there before anything else runs, the user's own part, and the keys."""
    # A fixed boundary: a random one would make a repeated create another request.
    document = MIMEMultipart("mixed", boundary=f"gpuwright-{request.token}")
    if request.wishes.env:
        document.attach(_part(_environment(request), "cloud-boothook"))
    if text:
        document.attach(_user_part(text))
    if request.wishes.ssh_keys:
        document.attach(_part(_keys(request), "cloud-config"))
    return document.as_string()


def _environment(request: MachineRequest) -> str:
    lines = "".join(f"{name}={shlex.quote(value)}\n" for name, value in sorted(request.env.items()))
    return (
        "#cloud-boothook\n#!/bin/sh\numask 077\n"
        f"mkdir -p {ENV_FILE.rpartition('/')[0]}\nprintf '%s' {shlex.quote(lines)} > {ENV_FILE}\n"
    )


def _keys(request: MachineRequest) -> str:
    config = {"merge_how": APPEND, "ssh_authorized_keys": request.wishes.ssh_keys}
    return f"#cloud-config\n{orjson.dumps(config).decode()}\n"  # JSON is YAML


def _user_part(text: str) -> Message:
    if text.startswith(("MIME-Version:", "Content-Type: multipart")):
        return message_from_string(text)
    return _part(text, "plain")  # cloud-init tells by its first line what it is


def _part(text: str, kind: str) -> Message:
    return MIMEText(text, kind, "us-ascii" if text.isascii() else "utf-8")
