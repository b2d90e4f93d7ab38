"""Logins of registries: found for an image as Docker finds them, and shown to nobody."""

import base64
from typing import Any

import orjson
import pytest

from gpuwright.model.registry_login import RegistryLogin, login_for, logins_in, registry_of


def logins(**auths: Any) -> tuple[RegistryLogin, ...] | None:
    return logins_in(orjson.dumps({"auths": auths}).decode())


def at(*places: str) -> tuple[RegistryLogin, ...]:
    return tuple(RegistryLogin(place, "me", place) for place in places)


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "entry",
    [
        {"username": "me", "password": "a:b"},
        {"username": "me", "password": "a:b", "auth": "ignored"},
        {"auth": encoded("me:a:b")},
        {"username": "", "auth": encoded("me:a:b")},
    ],
    ids=["words", "both", "encoded", "empty beside encoded"],
)
def test_a_login_is_read_in_both_ways_of_writing_it(entry: dict[str, str]) -> None:
    found = logins(**{"registry.example": entry})
    assert found is not None
    assert [(login.server, login.username, login.password) for login in found] == [("registry.example", "me", "a:b")]


@pytest.mark.parametrize(
    "entry",
    [
        7,
        {},
        {"username": "me"},
        {"username": "me", "password": 7},
        {"username": "me", "password": ""},
        {"auth": "%"},
        {"auth": encoded("me")},
        {"auth": base64.b64encode(b"\xff").decode()},
        {"identitytoken": "a"},
    ],
)
def test_an_entry_without_user_name_and_password_is_none(entry: object) -> None:
    assert logins(**{"registry.example": entry}) == ()


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"auths": []}', '"auths"', "null"])
def test_what_is_no_configuration_is_none(text: str) -> None:
    assert logins_in(text) is None


@pytest.mark.parametrize(
    ("key", "place"),
    [
        ("registry.example", "registry.example"),
        ("https://registry.example/v2/", "registry.example"),
        ("registry.example:5000/team-a/", "registry.example:5000/team-a"),
        ("https://index.docker.io/v1/", "docker.io"),
        ("registry-1.docker.io", "docker.io"),
    ],
)
def test_a_place_is_told_from_each_way_of_writing_it(key: str, place: str) -> None:
    found = logins(**{key: {"auth": encoded("me:a")}})
    assert found is not None
    assert [login.place for login in found] == [place]


@pytest.mark.parametrize(
    ("image", "host"),
    [
        ("trainer", "docker.io"),
        ("trainer:1", "docker.io"),
        ("team-a/trainer:1", "docker.io"),
        ("docker.io/team-a/trainer", "docker.io"),
        ("index.docker.io/team-a/trainer", "docker.io"),
        ("registry.example/trainer:1", "registry.example"),
        ("registry.example:5000/trainer", "registry.example:5000"),
        ("localhost/trainer", "localhost"),
        ("docker:nvcr.io/nvidia/pytorch:26.10-py3", "nvcr.io"),
        ("registry.example/trainer@sha256:0123", "registry.example"),
        ("ami-0a1b2c3d4e5f60718", "docker.io"),
    ],
)
def test_an_image_comes_from_where_docker_would_take_it(image: str, host: str) -> None:
    assert registry_of(image) == host


@pytest.mark.parametrize(
    ("image", "place"),
    [
        ("registry.example/team-a/trainer:1", "registry.example/team-a"),
        ("registry.example/team-a:1", "registry.example/team-a"),
        ("registry.example/team-ab/trainer", "registry.example"),
        ("registry.example/trainer@sha256:0123", "registry.example"),
        ("trainer", "docker.io"),
    ],
)
def test_of_several_the_one_that_says_most_of_the_path_counts(image: str, place: str) -> None:
    found = login_for(image, at("registry.example", "registry.example/team-a", "docker.io"))
    assert found is not None
    assert found.place == place


def test_another_registrys_login_is_for_nobody_else() -> None:
    assert login_for("registry.example.org/a", at("registry.example", "docker.io")) is None
    assert login_for("registry.example:5000/a", at("registry.example")) is None


def test_a_login_is_not_printed() -> None:
    assert "hunter2" not in repr(RegistryLogin("registry.example", "hunter2", "hunter2"))
