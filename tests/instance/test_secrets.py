"""What a request takes from Secrets, and what it says when one is missing."""

import base64
from typing import Any

import orjson
import pytest
from tests.builders import a_spec
from tests.kube.fake_api import FakeApi

from gpuwright.instance.observation import Unmet
from gpuwright.instance.secrets import SecretReader
from gpuwright.kube.client import Forbidden, NoAnswer
from gpuwright.model.registry_login import SECRET_KEY, SECRET_TYPE, RegistryLogin
from gpuwright.model.request import PULL_SECRET, USER_DATA, Wishes
from gpuwright.model.resources import SECRETS

FROM_SECRET = {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "run", "key": "key"}}}
BOOTSTRAP = {"env": [{"name": "RUN_ID", "value": "42"}, FROM_SECRET]}


def an_api(**values: str) -> FakeApi:
    api = FakeApi()
    data = {name: base64.b64encode(value.encode()).decode() for name, value in values.items()}
    api.add(SECRETS, {"metadata": {"name": "run", "namespace": "team-a", "uid": "uid-s"}, "data": data})
    return api


async def wishes(api: FakeApi, **bootstrap: Any) -> Wishes | Unmet:
    return await SecretReader(api).wishes("team-a", a_spec(**{"bootstrap": bootstrap} if bootstrap else {}))


async def test_without_references_no_secret_is_read() -> None:
    api = FakeApi()
    found = await wishes(api)
    assert isinstance(found, Wishes)
    assert (found.env, found.user_data, found.secret_versions, api.requests) == ({}, None, {}, [])


async def test_a_value_from_a_secret_stands_beside_the_open_ones_and_only_its_version_is_hashed() -> None:
    api = an_api(key="hush")
    found = await wishes(api, **BOOTSTRAP)
    assert isinstance(found, Wishes)
    assert (found.env, found.open_env) == ({"RUN_ID": "42", "KEY": "hush"}, {"RUN_ID": "42"})
    stored = api.now(SECRETS, "team-a", "run")
    assert stored is not None
    assert found.secret_versions == {"KEY": f"uid-s/{stored['metadata']['resourceVersion']}"}
    assert "hush" not in repr(found)


async def test_user_data_comes_from_its_secret() -> None:
    found = await wishes(an_api(boot="#cloud-config"), userDataSecretRef={"name": "run", "key": "boot"})
    assert isinstance(found, Wishes)
    assert (found.user_data, found.env, list(found.secret_versions)) == ("#cloud-config", {}, [USER_DATA])


async def test_user_data_in_the_spec_is_taken_as_it_stands() -> None:
    found = await wishes(FakeApi(), userData="#!/bin/sh")
    assert isinstance(found, Wishes)
    assert (found.user_data, found.secret_versions) == ("#!/bin/sh", {})


async def test_keys_come_in_one_order_whatever_that_of_the_spec() -> None:
    keys = ["ssh-rsa AAAAB3Nza", "ssh-ed25519 AAAAC3Nza"]
    one = await wishes(FakeApi(), sshAuthorizedKeys=keys)
    assert isinstance(one, Wishes)
    assert one.ssh_keys == ("ssh-ed25519 AAAAC3Nza", "ssh-rsa AAAAB3Nza")
    assert one == await wishes(FakeApi(), sshAuthorizedKeys=[*reversed(keys)])


async def test_a_missing_secret_and_a_missing_key_are_said() -> None:
    assert await wishes(FakeApi(), **BOOTSTRAP) == Unmet("there is no Secret run in this namespace yet")
    no_key = await wishes(an_api(other="x"), **BOOTSTRAP)
    assert no_key == Unmet("Secret run has no key key with text in it")


async def test_a_secret_that_may_not_be_read_names_the_right_that_is_missing() -> None:
    api = an_api(key="hush")
    api.fail(Forbidden("403"), "GET", "/secrets/")
    found = await wishes(api, **BOOTSTRAP)
    assert isinstance(found, Unmet)
    assert "may not read Secret run" in found.message


async def test_no_answer_is_not_a_missing_secret() -> None:
    api = an_api(key="hush")
    api.fail(NoAnswer("reset"), "GET", "/secrets/")
    with pytest.raises(NoAnswer):
        await wishes(api, **BOOTSTRAP)


async def test_a_variable_of_any_name_is_a_variable() -> None:
    entry = {"name": "userData", "valueFrom": {"secretKeyRef": {"name": "run", "key": "key"}}}
    found = await wishes(an_api(key="hush"), env=[entry], userData="#!/bin/sh")
    assert isinstance(found, Wishes)
    assert (found.env, found.user_data) == ({"userData": "hush"}, "#!/bin/sh")


LOGIN = {"auths": {"registry.example": {"username": "me", "password": "hush"}}}


def a_registry(content: object = LOGIN, kind: str = SECRET_TYPE, key: str = SECRET_KEY) -> FakeApi:
    api = FakeApi()
    data = {key: base64.b64encode(orjson.dumps(content)).decode()}
    metadata = {"name": "registry", "namespace": "team-a", "uid": "uid-r"}
    api.add(SECRETS, {"metadata": metadata, "type": kind, "data": data})
    return api


async def pulling(api: FakeApi, image: str | None = "registry.example/trainer:1", **spec: Any) -> Wishes | Unmet:
    machine = {
        "gpu": {"type": "H100"},
        "imagePullSecretRef": {"name": "registry"},
        **({"image": image} if image else {}),
    }
    return await SecretReader(api).wishes("team-a", a_spec(machine=machine, **spec))


async def test_the_login_for_an_image_is_read_and_only_its_version_is_hashed() -> None:
    api = a_registry()
    found = await pulling(api)
    assert isinstance(found, Wishes)
    assert found.login == RegistryLogin("registry.example", "me", "hush")
    stored = api.now(SECRETS, "team-a", "registry")
    assert stored is not None
    assert found.secret_versions == {PULL_SECRET: f"uid-r/{stored['metadata']['resourceVersion']}"}
    assert "hush" not in repr(found)
    assert [request.split()[0] for request in api.requests] == ["GET"]


async def test_a_login_may_be_for_the_image_of_one_placement_alone() -> None:
    places = [{"providerRef": {"name": "a"}, "image": "public.example/a"}, {"providerRef": {"name": "b"}}]
    assert isinstance(await pulling(a_registry(), providerRef=None, placements=places), Wishes)


@pytest.mark.parametrize(
    ("api", "image", "words"),
    [
        pytest.param(FakeApi(), "a", "there is no Secret registry in this namespace yet", id="none"),
        pytest.param(a_registry(kind="Opaque"), "a", "kubectl create secret docker-registry registry", id="its type"),
        pytest.param(a_registry([]), "a", "kubectl create secret docker-registry registry", id="its content"),
        pytest.param(a_registry(key="config"), "a", "has no key .dockerconfigjson with text in it", id="its key"),
        pytest.param(a_registry(), "other.example/a", "with user name and password for other.example", id="its host"),
        pytest.param(a_registry(), "trainer:1", "with user name and password for docker.io", id="Docker's own"),
        pytest.param(a_registry(), None, "for any image: write machine.image", id="no image"),
    ],
)
async def test_a_pull_secret_that_will_not_do_is_told_with_what_to_do(
    api: FakeApi, image: str | None, words: str
) -> None:
    found = await pulling(api, image)
    assert isinstance(found, Unmet)
    assert words in found.message
    assert "hush" not in found.message
