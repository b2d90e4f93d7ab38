"""What a request takes from Secrets, and what it says when one is missing."""

import base64
from typing import Any

import pytest
from tests.builders import a_spec
from tests.kube.fake_api import FakeApi

from gpuwright.instance.observation import Unmet
from gpuwright.instance.secrets import SecretReader
from gpuwright.kube.client import Forbidden, NoAnswer
from gpuwright.model.request import Wishes
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
    assert (found.user_data, found.env, list(found.secret_versions)) == ("#cloud-config", {}, ["userData"])


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
