"""What a machine at EC2 reads at its first boot."""

import subprocess
from email import message_from_string
from email.message import Message
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.adapters.contract import CLUSTER

from gpuwright.adapters.ec2_user_data import APPEND, ENV_FILE, MAX_USER_DATA, user_data_of
from gpuwright.model.errors import Rejected
from gpuwright.model.machine_spec import MachineSpec
from gpuwright.model.names import Owner
from gpuwright.model.request import MachineRequest, Wishes, request_for

OWNER = Owner(CLUSTER, "team-a", "trainer-0", "uid-1")
KEYS = ("ssh-ed25519 AAAAC3Nza me@example", 'ssh-rsa AAAAB3Nza it\'s "mine", é')


def a_request(**wishes: Any) -> MachineRequest:
    return request_for(OWNER, Wishes(MachineSpec(instance_type="g6.xlarge"), **wishes), 1, 1, 0)


def parts_of(request: MachineRequest) -> list[Message]:
    document = message_from_string(user_data_of(request).decode())
    return [part for part in document.walk() if not part.is_multipart()]


def text_of(part: Message) -> str:
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode()


class TestUserData:
    def test_is_handed_over_as_it_is_where_no_environment_is_wanted(self) -> None:
        assert user_data_of(a_request(user_data="#cloud-config\nx: é\n")) == "#cloud-config\nx: é\n".encode()

    def test_has_the_environment_beside_it_with_nothing_that_a_shell_would_run(self) -> None:
        request = a_request(env={"A": "it's $(reboot) `x`"}, user_data="#!/bin/sh\necho hi\n")
        hook, script = parts_of(request)
        assert hook.get_content_type() == "text/cloud-boothook"
        assert ENV_FILE in hook.as_string()
        assert script.get_payload(decode=True) == b"#!/bin/sh\necho hi\n"

    def test_that_has_parts_already_keeps_them(self) -> None:
        own = 'Content-Type: multipart/mixed; boundary="b"\n\n--b\nContent-Type: text/cloud-config\n\nx: 1\n--b--\n'
        kinds = [part.get_content_type() for part in parts_of(a_request(env={"A": "1"}, user_data=own))]
        assert "text/cloud-config" in kinds

    def test_that_is_too_large_for_ec2_is_refused_and_not_shown(self) -> None:
        fits = a_request(user_data="x" * MAX_USER_DATA)
        assert len(user_data_of(fits)) == MAX_USER_DATA
        with pytest.raises(Rejected) as caught:
            user_data_of(a_request(user_data="hunter2" * MAX_USER_DATA))
        assert "hunter2" not in caught.value.message

    def test_has_the_keys_behind_the_users_own_part_and_adds_them_to_its_list(self) -> None:
        own = "#cloud-config\nssh_authorized_keys: [mine]\n"
        hook, user, keys = parts_of(a_request(env={"A": "1"}, user_data=own, ssh_keys=KEYS))
        assert (hook.get_content_type(), user.get_content_type()) == ("text/cloud-boothook", "text/plain")
        assert (keys.get_content_type(), text_of(user)) == ("text/cloud-config", own)
        first, config = text_of(keys).split("\n", 1)
        assert first == "#cloud-config"
        assert orjson.loads(config) == {"merge_how": APPEND, "ssh_authorized_keys": list(KEYS)}

    def test_of_keys_alone_is_one_part(self) -> None:
        (keys,) = parts_of(a_request(ssh_keys=KEYS))
        assert keys.get_content_type() == "text/cloud-config"

    def test_is_the_same_to_the_last_byte_for_the_same_request(self) -> None:
        request, again = (a_request(env={"A": "é"}, user_data="#!/bin/sh\n", ssh_keys=KEYS) for _ in range(2))
        assert user_data_of(request) == user_data_of(again)

    def test_that_only_the_keys_make_too_large_is_refused_with_the_reason(self) -> None:
        text = "x" * (MAX_USER_DATA - 100)
        assert user_data_of(a_request(user_data=text))
        with pytest.raises(Rejected, match=r"user data, environment and SSH keys are \d+ bytes together"):
            user_data_of(a_request(user_data=text, ssh_keys=KEYS))


def test_the_environment_is_written_as_a_shell_reads_it(tmp_path: Path) -> None:
    (hook,) = parts_of(a_request(env={"A": "it's\n$(reboot)"}))
    folder = tmp_path / "gpuwright"
    script = text_of(hook).replace("/etc/gpuwright", str(folder))
    subprocess.run(["sh", "-c", script], check=True)
    shown = subprocess.run(["sh", "-c", f'. {folder}/env; printf %s "$A"'], check=True, capture_output=True)
    assert shown.stdout == b"it's\n$(reboot)"
    assert (folder / "env").stat().st_mode & 0o077 == 0
