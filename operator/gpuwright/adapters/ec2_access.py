"""Calls to EC2 with the credentials of the Secret, or with those of the role that it names."""

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from gpuwright.adapters.contract import Gate
from gpuwright.adapters.ec2_answers import THROTTLED
from gpuwright.adapters.ec2_credentials import Ec2Credentials
from gpuwright.adapters.ec2_wire import Keys, Refused, Unreadable, Wire
from gpuwright.http_client import HttpClient, Interrupted, NotSent
from gpuwright.model.ec2_spec import Ec2Spec

THREADS = 16
ROLE_SECONDS = 3600  # what STS gives to every role
RENEWED_AFTER = ROLE_SECONDS / 2
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})


class Ec2Access:
    """One region with one set of credentials. `sts` is called only where they name a role."""

    def __init__(self, spec: Ec2Spec, credentials: Ec2Credentials, http: HttpClient, sts: HttpClient | None) -> None:
        self._spec = spec
        self._credentials = credentials
        self._http = http
        self._sts = sts
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="ec2")
        self._keys = Keys(credentials.access_key, credentials.secret_key, credentials.session_token)
        self._wire: Wire | None = None
        self._renewed = 0.0  # on the loop's clock
        self._assuming = asyncio.Lock()

    async def call(self, operation: str, parameters: Mapping[str, Any], gate: Gate, *, own: bool = False) -> Any:
        """Return what EC2 answered; raises as Wire.call."""
        wire = await self._ready(gate)
        try:
            return await wire.call(operation, parameters, gate, own=own)
        except Refused as error:
            if error.refusal.code in _EXPIRED and self._credentials.role_arn:
                self._wire = None  # the clocks disagree, or this machine slept
            raise

    async def _ready(self, gate: Gate) -> Wire:
        if not self._credentials.role_arn or self._sts is None:
            if self._wire is None:
                self._wire = self._made(self._keys)
            return self._wire
        async with self._assuming:
            now = asyncio.get_running_loop().time()
            if self._wire is None or now - self._renewed > RENEWED_AFTER:
                self._wire = self._made(await self._assume(self._sts, gate))
                self._renewed = now
            return self._wire

    def _made(self, keys: Keys) -> Wire:
        return Wire("ec2", self._spec.region, self._spec.url, keys, self._http, self._pool)

    async def _assume(self, http: HttpClient, gate: Gate) -> Keys:
        """Return keys of the role. Whatever goes wrong, nothing was sent to EC2."""
        wire = Wire("sts", self._spec.region, self._spec.sts_url, self._keys, http, self._pool)
        wanted = {
            "RoleArn": self._credentials.role_arn,
            "RoleSessionName": "gpuwright",
            "DurationSeconds": ROLE_SECONDS,
        }
        if self._credentials.external_id:
            wanted["ExternalId"] = self._credentials.external_id
        try:
            answer = await wire.call("assume_role", wanted, gate)
            given = answer["Credentials"]
            return Keys(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
        except (Interrupted, Unreadable) as error:
            raise NotSent(f"the role could not be assumed: {error}") from error
        except (KeyError, TypeError) as error:
            raise NotSent("the role could not be assumed: the answer has no credentials") from error
        except Refused as error:
            if error.refusal.status >= 500 or error.refusal.code in THROTTLED:
                raise NotSent(f"the role could not be assumed: {error}") from error
            raise

    async def close(self) -> None:
        """Close the connections, once what is on its way is answered."""
        await self._http.close()
        if self._sts is not None:
            await self._sts.close()
        self._pool.shutdown(wait=False)
