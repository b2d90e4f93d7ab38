"""Logins of image registries, as a Secret of type kubernetes.io/dockerconfigjson holds them."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

SECRET_TYPE = "kubernetes.io/dockerconfigjson"  # noqa: S105 - the name of a type
SECRET_KEY = ".dockerconfigjson"  # noqa: S105 - the name of a key
DOCKER_HUB = "docker.io"
_DOCKER_HUBS = frozenset({DOCKER_HUB, "index.docker.io", "registry-1.docker.io"})


@dataclass(frozen=True, slots=True)
class RegistryLogin:
    """Who pulls from one registry, or from what stands below a path of it. Never shown: it is left out of repr."""

    place: str  # such as registry.example, or registry.example/team-a
    username: str = field(repr=False)
    password: str = field(repr=False)

    @property
    def server(self) -> str:
        """Return the registry's host, with its port where it has one."""
        return self.place.partition("/")[0]


def logins_in(text: str) -> tuple[RegistryLogin, ...] | None:
    """Return the logins of a docker configuration; None where it is none."""
    try:
        body = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    entries = body.get("auths") if isinstance(body, dict) else None
    if not isinstance(entries, dict):
        return None
    found = (_login(key, entry) for key, entry in entries.items() if isinstance(entry, dict))
    return tuple(login for login in found if login is not None)


def login_for(image: str, logins: tuple[RegistryLogin, ...]) -> RegistryLogin | None:
    """Return the login for an image; where there are several, the one that names most of the image's path."""
    path = _path_of(image)
    fitting = [login for login in logins if path == login.place or path.startswith(f"{login.place}/")]
    return max(fitting, key=lambda login: len(login.place), default=None)


def registry_of(image: str) -> str:
    """Return the host that an image comes from, such as registry.example."""
    return _path_of(image).partition("/")[0]


def _login(key: str, entry: Mapping[str, Any]) -> RegistryLogin | None:
    username, password = entry.get("username"), entry.get("password")
    if not (isinstance(username, str) and username and isinstance(password, str)):
        username, _colon, password = _decoded(entry.get("auth")).partition(":")
    return RegistryLogin(_place(key), username, password) if username and password else None


def _decoded(auth: object) -> str:
    try:
        return base64.b64decode(auth, validate=True).decode() if isinstance(auth, str) else ""
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _place(key: str) -> str:
    """Return where a login holds; Docker writes its own registry as https://index.docker.io/v1/."""
    host, _slash, path = key.rpartition("://")[2].strip("/").partition("/")
    if host in _DOCKER_HUBS:
        return DOCKER_HUB
    return host if path in {"", "v1", "v2"} else f"{host}/{path}"


def _path_of(image: str) -> str:
    """Return an image with its registry and without its tag; SkyPilot writes `docker:` in front of it."""
    name = image.removeprefix("docker:").partition("@")[0]
    first, slash, rest = name.partition("/")
    if not slash or not ("." in first or ":" in first or first == "localhost"):
        host, path = DOCKER_HUB, name
    else:
        host, path = DOCKER_HUB if first in _DOCKER_HUBS else first, rest
    folder, slash, last = path.rpartition("/")
    return f"{host}/{folder}{slash}{last.partition(':')[0]}"
