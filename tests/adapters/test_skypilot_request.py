"""The body of a launch: what is wanted, in SkyPilot's words, and no secret where its users can read it."""

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.adapters.contract import a_request

from gpuwright.adapters.skypilot_request import launch_body, user_of
from gpuwright.model.errors import Rejected
from gpuwright.model.machine_spec import MachineSpec
from gpuwright.model.registry_login import RegistryLogin
from gpuwright.model.request import MachineRequest, Wishes
from gpuwright.model.skypilot_spec import SkyPilotSpec


def spec(**changes: Any) -> SkyPilotSpec:
    ref = {"name": "skypilot", "key": "token"}
    return SkyPilotSpec.model_validate({"endpoint": "https://sky.example", "credentialsSecretRef": ref, **changes})


def asking(machine: dict[str, Any] | None = None, **wishes: Any) -> MachineRequest:
    found = MachineSpec.model_validate(machine or {"gpu": {"type": "H100", "count": 8}})
    return replace(a_request(), wishes=Wishes(found, **wishes))


def task(request: MachineRequest, provider: SkyPilotSpec | None = None) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(launch_body(request, provider or spec())["task"])
    return found


def test_every_wish_in_skypilots_words() -> None:
    wanted = {
        "cpu": "8",
        "memory": "64Gi",
        "gpu": {"type": "H100", "count": 8},
        "disk": "200Gi",
        "image": "docker:nvcr.io/nvidia/pytorch:26.10-py3",
        "region": "us-east-1",
        "zone": "us-east-1a",
        "purchase": "Spot",
        "ports": [{"name": "web", "port": 8888, "protocol": "HTTP"}, {"name": "ssh", "port": 22}],
        "skypilot": {"cloud": "aws", "autodownIdleMinutes": 60},
    }
    resources = task(asking(wanted))["resources"]
    assert "gpuwright-owner-uid" in resources.pop("labels")
    assert resources == {
        "cloud": "aws",
        "region": "us-east-1",
        "zone": "us-east-1a",
        "cpus": "8+",
        "memory": "64+",
        "accelerators": {"H100": 8},
        "use_spot": True,
        "disk_size": 200,
        "image_id": "docker:nvcr.io/nvidia/pytorch:26.10-py3",
        "autostop": {"idle_minutes": 60, "down": True},
        "ports": ["22", "8888"],
    }


def test_what_is_not_wished_for_is_left_to_skypilot() -> None:
    resources = task(asking({"instanceType": "p5.48xlarge"}))["resources"]
    assert set(resources) == {"instance_type", "labels", "use_spot"}
    assert resources["use_spot"] is False


def test_the_same_request_is_the_same_body() -> None:
    request = asking(env={"B": "2", "A": "1"}, user_data="true")
    assert launch_body(request, spec()) == launch_body(request, spec())
    body = launch_body(request, spec())
    assert (body["cluster_name"], body["retry_until_up"], body["dryrun"]) == (request.name, False, False)


def test_a_port_of_udp_is_refused_with_what_to_write() -> None:
    ports = [{"name": "ssh", "port": 22}, {"name": "dns", "port": 53, "protocol": "UDP"}]
    with pytest.raises(Rejected, match=r"leave them out of machine\.ports"):
        launch_body(asking({"gpu": {"type": "H100"}, "ports": ports}), spec())


HUB = {"gpu": {"type": "H100"}, "image": "docker:nvcr.io/nvidia/pytorch:26.10-py3"}
LOGIN = (RegistryLogin("nvcr.io", "me", "hush"),)


def test_a_login_for_the_image_stands_where_skypilot_hides_it() -> None:
    found = task(asking(HUB, logins=LOGIN, env={"TOKEN": "s3cret"}))
    assert found["secrets"] == {
        "TOKEN": "s3cret",
        "SKYPILOT_DOCKER_USERNAME": "me",
        "SKYPILOT_DOCKER_PASSWORD": "hush",
        "SKYPILOT_DOCKER_SERVER": "nvcr.io",
    }
    assert "hush" not in str({**found, "secrets": {}})
    assert "SKYPILOT_DOCKER" not in found["setup"]
    assert "secrets" not in task(asking({**HUB, "image": "ami-1"}, logins=LOGIN))


def test_a_login_given_twice_is_refused_with_what_to_write() -> None:
    with pytest.raises(Rejected, match=r"leave them out of bootstrap\.env"):
        launch_body(asking(HUB, logins=LOGIN, env={"SKYPILOT_DOCKER_SERVER": "nvcr.io"}), spec())


def test_nothing_is_run_that_a_repeated_launch_would_run_again() -> None:
    assert "run" not in task(asking(user_data="true"))


@pytest.mark.parametrize(
    ("provider", "machine", "cloud"),
    [("aws", None, "aws"), (None, "lambda", "lambda"), ("aws", "aws", "aws"), (None, None, None)],
)
def test_the_cloud_is_the_machines_or_the_providers(
    provider: str | None, machine: str | None, cloud: str | None
) -> None:
    wanted = {"gpu": {"type": "H100"}, "skypilot": {"cloud": machine or ""}}
    assert task(asking(wanted), spec(cloud=provider or ""))["resources"].get("cloud") == cloud


def test_another_cloud_than_the_providers_is_refused() -> None:
    with pytest.raises(Rejected, match="buys from aws only"):
        launch_body(asking({"gpu": {"type": "H100"}, "skypilot": {"cloud": "gcp"}}), spec(cloud="aws"))


@pytest.mark.parametrize("text", ["#cloud-config\n", "MIME-Version: 1.0\n", "Content-Type: multipart/mixed"])
def test_documents_for_cloud_init_are_refused(text: str) -> None:
    with pytest.raises(Rejected, match="shell script"):
        launch_body(asking(user_data=text), spec())


def test_values_from_secrets_stand_where_skypilot_hides_them() -> None:
    found = task(asking(env={"OPEN": "1", "TOKEN": "s3cret"}, open_env={"OPEN": "1"}))
    assert found["secrets"] == {"TOKEN": "s3cret"}
    assert found["envs"]["OPEN"] == "1"
    assert "TOKEN" not in found["envs"]
    assert "s3cret" not in found["setup"]


def test_the_environment_is_left_in_a_file_and_the_user_data_runs_after_it(tmp_path: Path) -> None:
    request = asking(
        env={"QUOTED": 'it\'s "a" $HOME\n'}, user_data='. "$HOME/.gpuwright/env"\necho "$QUOTED" > "$HOME/out"'
    )
    found = task(request)
    env = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", **found["envs"], **found["secrets"]}
    subprocess.run(["bash", "-c", found["setup"]], env=env, check=True, timeout=30)
    kept = tmp_path / ".gpuwright" / "env"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "out").read_text() == 'it\'s "a" $HOME\n\n'


def test_keys_are_let_in_once_however_often_the_setup_runs(tmp_path: Path) -> None:
    keys = ("ssh-ed25519 AAAAC3Nza it's `mine`", "ssh-rsa AAAAB3Nza")
    (tmp_path / ".ssh").mkdir()
    listed = tmp_path / ".ssh" / "authorized_keys"
    listed.write_text("ssh-ed25519 AAAAsky of SkyPilot\n")
    setup = task(asking(ssh_keys=keys))["setup"]
    for _time in range(2):
        subprocess.run(["bash", "-c", setup], env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}, check=True)
    assert listed.read_text().splitlines() == ["ssh-ed25519 AAAAsky of SkyPilot", *keys]


def test_where_nobody_has_logged_in_before_the_file_of_keys_is_made(tmp_path: Path) -> None:
    setup = task(asking(ssh_keys=("ssh-rsa AAAAB3Nza",)))["setup"]
    subprocess.run(["bash", "-c", setup], env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}, check=True)
    listed = tmp_path / ".ssh" / "authorized_keys"
    assert (listed.read_text(), listed.stat().st_mode & 0o777) == ("ssh-rsa AAAAB3Nza\n", 0o600)


def test_each_of_our_clusters_is_one_user() -> None:
    assert user_of("a") == user_of("a") != user_of("b")
    assert len(user_of("a")["SKYPILOT_USER_ID"]) == 8
