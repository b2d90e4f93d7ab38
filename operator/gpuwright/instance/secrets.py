"""What a request takes from Secrets: read when it is needed, kept nowhere."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gpuwright.instance.observation import Unmet
from gpuwright.kube.client import Forbidden, KubeClient, NotFound
from gpuwright.kube.secret_value import decoded
from gpuwright.model.api_base import SecretKeyRef
from gpuwright.model.bootstrap_spec import Bootstrap
from gpuwright.model.instance_spec import InstanceSpec
from gpuwright.model.registry_login import SECRET_KEY, SECRET_TYPE, RegistryLogin, login_for, logins_in, registry_of
from gpuwright.model.request import PULL_SECRET, USER_DATA, Wishes
from gpuwright.model.resources import SECRETS


class _Missing(Exception):
    """A Secret is not as it is needed; the message says what to do."""


@dataclass(frozen=True, slots=True)
class _Secret:
    name: str
    body: Mapping[str, Any]

    @property
    def version(self) -> str:
        return f"{self.body['metadata']['uid']}/{self.body['metadata']['resourceVersion']}"

    def text(self, key: str) -> str:
        value = decoded(self.body, key)
        if value is None:
            raise _Missing(f"Secret {self.name} has no key {key} with text in it")
        return value


class SecretReader:
    """Reads single Secrets by name; never lists or watches them."""

    def __init__(self, client: KubeClient) -> None:
        self._client = client

    async def wishes(self, namespace: str, spec: InstanceSpec) -> Wishes | Unmet:
        """Return what the spec asks for with every Secret resolved, or what is missing. Raises ApiError."""
        bootstrap = spec.bootstrap or Bootstrap()
        open_env = {entry.name: entry.value or "" for entry in bootstrap.env if entry.value_from is None}
        try:
            values, versions = await self._values(namespace, _refs(bootstrap))
            logins, version = await self._logins(namespace, spec)
        except _Missing as missing:
            return Unmet(str(missing))
        from_secret = values.pop(USER_DATA, None)
        return Wishes(
            machine=spec.machine,
            tags=spec.tags,
            env={**open_env, **values},
            user_data=bootstrap.user_data if from_secret is None else from_secret,
            ssh_keys=tuple(sorted(bootstrap.ssh_authorized_keys)),
            logins=logins,
            open_env=open_env,
            secret_versions={**versions, **version},
        )

    async def _values(self, namespace: str, refs: Mapping[str, SecretKeyRef]) -> tuple[dict[str, str], dict[str, str]]:
        values: dict[str, str] = {}
        versions: dict[str, str] = {}
        for name, ref in refs.items():
            secret = await self._secret(namespace, ref.name)
            values[name], versions[name] = secret.text(ref.key), secret.version
        return values, versions

    async def _logins(self, namespace: str, spec: InstanceSpec) -> tuple[tuple[RegistryLogin, ...], dict[str, str]]:
        """Return the logins of the pull secret, one of which is for an image that the spec names, and its version."""
        ref = spec.machine.image_pull_secret_ref
        if ref is None:
            return (), {}
        secret = await self._secret(namespace, ref.name)
        logins = logins_in(secret.text(SECRET_KEY)) if secret.body.get("type") == SECRET_TYPE else None
        if logins is None:
            raise _Missing(
                f"Secret {ref.name} is of no use as {SECRET_TYPE}: make it anew with "
                f"`kubectl create secret docker-registry {ref.name}`"
            )
        images = dict.fromkeys(image for offer in spec.offers if (image := offer.machine(spec.machine).image))
        if not any(login_for(image, logins) for image in images):
            wanted = " or ".join(dict.fromkeys(map(registry_of, images))) or "any image: write machine.image"
            raise _Missing(f"Secret {ref.name} has no login with user name and password for {wanted}")
        return logins, {PULL_SECRET: secret.version}

    async def _secret(self, namespace: str, name: str) -> _Secret:
        try:
            return _Secret(name, await self._client.get(SECRETS, namespace, name))
        except NotFound as error:
            raise _Missing(f"there is no Secret {name} in this namespace yet") from error
        except Forbidden as error:
            raise _Missing(f"the operator may not read Secret {name}: give its service account get on it") from error


def _refs(bootstrap: Bootstrap) -> dict[str, SecretKeyRef]:
    refs = {entry.name: entry.value_from.secret_key_ref for entry in bootstrap.env if entry.value_from}
    if bootstrap.user_data_secret_ref:
        refs[USER_DATA] = bootstrap.user_data_secret_ref
    return refs
