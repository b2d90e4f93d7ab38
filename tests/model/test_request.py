"""What a machine is asked for: its labels, its environment, and a hash without secrets."""

from dataclasses import replace
from typing import Any

import pytest

from gpuwright.model.machine_spec import MachineSpec
from gpuwright.model.names import Owner, owner_labels
from gpuwright.model.registry_login import RegistryLogin
from gpuwright.model.request import PULL_SECRET, USER_DATA, MachineRequest, Wishes, request_for

OWNER = Owner("cluster-uid", "team-a", "trainer-0", "uid-1")
MACHINE = MachineSpec.model_validate({"gpu": {"type": "H100"}, "image": "trainer:1"})
WISHES = Wishes(
    machine=MACHINE,
    tags={"team": "vision"},
    env={"RUN_ID": "42", "TOKEN": "hunter2"},
    user_data="#!/bin/sh\necho hunter2",
    open_env={"RUN_ID": "42"},
    secret_versions={"TOKEN": "secret-uid/17", USER_DATA: "secret-uid/18"},
)


def a_request(incarnation: int = 1, attempt: int = 1, **changes: Any) -> MachineRequest:
    return request_for(OWNER, replace(WISHES, **changes), incarnation, attempt, 0)


class TestFingerprint:
    def test_is_the_same_for_the_same_request(self) -> None:
        assert a_request().fingerprint() == a_request().fingerprint()

    @pytest.mark.parametrize(
        "changes",
        [
            pytest.param({"env": {"RUN_ID": "42", "TOKEN": "other"}}, id="the value of a variable"),
            pytest.param({"user_data": "#!/bin/sh\necho other"}, id="user data from a Secret"),
            pytest.param({"logins": (RegistryLogin("docker.io", "me", "other"),)}, id="a login"),
        ],
    )
    def test_does_not_depend_on_secret_values(self, changes: dict[str, Any]) -> None:
        assert a_request(**changes).fingerprint() == a_request().fingerprint()

    @pytest.mark.parametrize(
        "changes",
        [
            pytest.param({"secret_versions": {**WISHES.secret_versions, "TOKEN": "secret-uid/99"}}, id="a new version"),
            pytest.param({"secret_versions": {**WISHES.secret_versions, "TOKEN": "other-uid/17"}}, id="a new Secret"),
            pytest.param({"open_env": {"RUN_ID": "43"}}, id="an open variable"),
            pytest.param({"tags": {"team": "speech"}}, id="a tag"),
            pytest.param({"secret_versions": {**WISHES.secret_versions, PULL_SECRET: "uid/1"}}, id="a pull secret"),
            pytest.param({"ssh_keys": ("ssh-ed25519 AAAA",)}, id="a key"),
            pytest.param({"machine": MACHINE.model_copy(update={"image": "trainer:2"})}, id="the image"),
        ],
    )
    def test_depends_on_everything_else(self, changes: dict[str, Any]) -> None:
        assert a_request(**changes).fingerprint() != a_request().fingerprint()

    def test_depends_on_open_user_data(self) -> None:
        versions = {"TOKEN": "secret-uid/17"}
        one, other = (a_request(secret_versions=versions, user_data=text) for text in ("one", "other"))
        assert one.fingerprint() != other.fingerprint()

    def test_differs_between_attempts_and_incarnations(self) -> None:
        assert len({a_request(i, a).fingerprint() for i in (1, 2) for a in (1, 2)}) == 4

    def test_does_not_depend_on_what_does_not_make_another_machine(self) -> None:
        request = a_request()
        assert replace(request, traceparent="00-1-2-01", resent=True).fingerprint() == request.fingerprint()


def test_secrets_do_not_show_in_what_is_printed() -> None:
    login = RegistryLogin("docker.io", "hunter2", "hunter2")
    assert "hunter2" not in repr(a_request(logins=(login,)))


def test_the_login_is_that_of_the_image_which_is_bought_here() -> None:
    logins = (RegistryLogin("docker.io", "a", "b"), RegistryLogin("registry.example", "c", "d"))
    assert replace(WISHES, logins=logins).login == logins[0]
    elsewhere = MACHINE.model_copy(update={"image": "registry.example/trainer:1"})
    assert replace(WISHES, logins=logins, machine=elsewhere).login == logins[1]
    assert replace(WISHES, logins=logins, machine=MACHINE.model_copy(update={"image": None})).login is None


def test_nobody_can_tag_a_machine_as_anothers() -> None:
    forged = dict.fromkeys(owner_labels(OWNER, 1), "forged")
    assert a_request(tags={**forged, "team": "vision"}).labels == {"team": "vision", **owner_labels(OWNER, 1)}


def test_every_machine_is_told_who_it_is() -> None:
    assert a_request(env={"GPUWRIGHT_OWNER": "forged", "RUN_ID": "42"}).env == {
        "RUN_ID": "42",
        "GPUWRIGHT_INSTANCE_NAME": "trainer-0-f8f65ce8de",
        "GPUWRIGHT_OWNER": "team-a/trainer-0",
    }
