"""Bodies are checked field by field."""

import pytest
from tests.sandbox.gateway.asking import machine_body

from gpuwright_sandbox.gateway.machines import Gpu, Port, Protocol, RegistryAuth
from gpuwright_sandbox.gateway.orders import UnfitError, read_create, read_restore
from gpuwright_sandbox.gateway.shapes import FieldError, Json


def test_reads_every_field_of_the_api() -> None:
    body = machine_body(
        "a",
        env={"A": "b"},
        gpu={"type": "H100", "count": 8},
        disk_gb=100,
        instance_type="big",
        region="r",
        zone="z",
        purchase="Spot",
        user_data="#!",
        ssh_authorized_keys=["ssh-rsa AAAAB3Nza"],
        registry_auth={"server": "registry.example", "username": "me", "password": "hush"},
        ports=[{"name": "ssh", "port": 22}, {"name": "web", "port": 8888, "protocol": "HTTP"}],
        labels={"l": "1"},
        metadata={"m": {"n": 1}},
    )
    order = read_create(body, "one")
    request = order.request
    assert (order.name, order.account, request.gpu, request.disk_gb) == ("a", "one", Gpu("H100", 8), 100)
    assert (request.instance_type, request.region, request.zone, request.purchase) == ("big", "r", "z", "Spot")
    assert (request.env, request.user_data, request.labels) == ({"A": "b"}, "#!", {"l": "1"})
    assert request.metadata == {"m": {"n": 1}}
    assert request.ssh_authorized_keys == ("ssh-rsa AAAAB3Nza",)
    assert request.registry_auth == RegistryAuth("registry.example", "me", "hush")
    assert request.ports == (Port("ssh", 22), Port("web", 8888, Protocol.HTTP))


def test_optional_fields_may_be_null() -> None:
    assert read_create(machine_body("a", gpu=None, disk_gb=None, zone=None), "one").request.gpu is None


def test_fractions_are_allowed() -> None:
    request = read_create(machine_body("a", cpu=0.25, memory_gb=0.5), "one").request
    assert (request.cpu, request.memory_gb) == (0.25, 0.5)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        pytest.param({"image": 5}, "image", id="wrong type"),
        pytest.param({"gpu": {"count": 1}}, "gpu.type", id="missing inside"),
        pytest.param({"labels": {"a": 1}}, "labels.a", id="label that is no text"),
        pytest.param({"memroy_gb": 1}, "memroy_gb", id="unknown"),
    ],
)
def test_names_the_field_that_cannot_be_read(change: dict[str, Json], named: str) -> None:
    with pytest.raises(FieldError) as caught:
        read_create(machine_body("a", **change), "one")
    assert caught.value.field == named


@pytest.mark.parametrize(
    ("change", "named"),
    [
        pytest.param({"name": ""}, "name", id="empty name"),
        pytest.param({"name": "a" * 254}, "name", id="long name"),
        pytest.param({"name": "a\n"}, "name", id="unprintable name"),
        pytest.param({"image": ""}, "image", id="empty image"),
        pytest.param({"cpu": 0}, "cpu", id="no cpu"),
        pytest.param({"memory_gb": -1}, "memory_gb", id="negative memory"),
        pytest.param({"disk_gb": 0}, "disk_gb", id="no disk"),
        pytest.param({"gpu": {"type": ""}}, "gpu.type", id="no GPU type"),
        pytest.param({"gpu": {"type": "H100", "count": 0}}, "gpu.count", id="no GPU"),
    ],
)
def test_names_the_field_that_no_machine_can_have(change: dict[str, Json], named: str) -> None:
    with pytest.raises(UnfitError) as caught:
        read_create({**machine_body("a"), **change}, "one")
    assert caught.value.field == named


def test_a_restore_takes_its_image_from_the_snapshot_and_its_labels_from_the_body() -> None:
    order = read_restore({"name": "a", "cpu": 1, "memory_gb": 2, "labels": {"l": "1"}}, "one", "stored")
    assert (order.name, order.request.image, order.request.labels) == ("a", "stored", {"l": "1"})
