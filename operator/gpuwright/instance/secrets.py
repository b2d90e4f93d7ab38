"""What a request takes from Secrets: read when it is needed, kept nowhere."""

from gpuwright.instance.observation import Unmet
from gpuwright.kube.client import Forbidden, KubeClient, NotFound
from gpuwright.kube.secret_value import decoded
from gpuwright.model.api_base import SecretKeyRef
from gpuwright.model.instance_spec import InstanceSpec
from gpuwright.model.request import Wishes
from gpuwright.model.resources import SECRETS


class SecretReader:
    """Reads single Secrets by name; never lists or watches them."""

    def __init__(self, client: KubeClient) -> None:
        self._client = client

    async def wishes(self, namespace: str, spec: InstanceSpec) -> Wishes | Unmet:
        """Return what the spec asks for with every Secret resolved, or what is missing. Raises ApiError."""
        bootstrap = spec.bootstrap
        open_env = (
            {entry.name: entry.value or "" for entry in bootstrap.env if entry.value_from is None} if bootstrap else {}
        )
        secret = (
            {entry.name: entry.value_from.secret_key_ref for entry in bootstrap.env if entry.value_from}
            if bootstrap
            else {}
        )
        if bootstrap and bootstrap.user_data_secret_ref:
            secret["userData"] = bootstrap.user_data_secret_ref
        values: dict[str, str] = {}
        versions: dict[str, str] = {}
        for name, ref in secret.items():
            found = await self._value(namespace, ref)
            if isinstance(found, Unmet):
                return found
            values[name], versions[name] = found
        from_secret = values.pop("userData", None)
        return Wishes(
            machine=spec.machine,
            tags=spec.tags,
            env={**open_env, **values},
            user_data=from_secret if from_secret is not None else bootstrap.user_data if bootstrap else None,
            ssh_keys=tuple(sorted(bootstrap.ssh_authorized_keys)) if bootstrap else (),
            open_env=open_env,
            secret_versions=versions,
        )

    async def _value(self, namespace: str, ref: SecretKeyRef) -> tuple[str, str] | Unmet:
        try:
            body = await self._client.get(SECRETS, namespace, ref.name)
        except NotFound:
            return Unmet(f"there is no Secret {ref.name} in this namespace yet")
        except Forbidden:
            return Unmet(f"the operator may not read Secret {ref.name}: give its service account get on it")
        value = decoded(body, ref.key)
        if value is None:
            return Unmet(f"Secret {ref.name} has no key {ref.key} with text in it")
        return value, f"{body['metadata']['uid']}/{body['metadata']['resourceVersion']}"
