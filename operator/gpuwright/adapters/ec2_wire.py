"""boto3 without its own network: it writes, signs and reads calls in threads, and HttpClient carries them.

So the laws of calls hold for it as for every provider: one attempt, the gate right before the first byte, a total
time-out, the address guard, and a connection of its own for what must not arrive later. Nothing is taken from the
environment, from ~/.aws or from the metadata service.
"""

import asyncio
import os
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.session
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from gpuwright.adapters.contract import Gate
from gpuwright.adapters.ec2_answers import Refusal
from gpuwright.adapters.retry_after import retry_after
from gpuwright.http_client import Answer, HttpClient, NotSent, Unasked
from gpuwright.model.conditions import cut

_ATTEMPTS = {"mode": "standard", "total_max_attempts": 1}  # its own retries would repeat a create
# What boto3 raises for parameters that cannot be written, and for answers that cannot be read.
_BROKEN = (BotoCoreError, ResponseParserError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError)
_HEAD = 512  # bytes in which an answer says what it is
_building = threading.Lock()  # making clients is not thread-safe, calling them is


class Refused(Exception):
    """The provider answered, with an error of its own."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.words)
        self.refusal = refusal


class Unreadable(Exception):
    """Something answered, and it was not the provider, or not in full."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Keys:
    """What calls are signed with; kept out of repr."""

    access: str
    secret: str
    token: str = ""

    def __repr__(self) -> str:
        return "Keys(...)"


class Wire:
    """One service of one region with one set of keys."""

    def __init__(
        self, service: str, region: str, url: str, keys: Keys, http: HttpClient, pool: ThreadPoolExecutor
    ) -> None:
        self._service = service
        self._region = region
        self._url = url
        self._keys = keys
        self._http = http
        self._pool = pool
        self._client: Any = None
        self._flying = threading.local()

    async def call(self, operation: str, parameters: Mapping[str, Any], gate: Gate, *, own: bool = False) -> Any:
        """Return what the provider answered; `own`: over a connection of its own, which giving up resets.

        Raises:
            NotSent, Interrupted, EndpointRefused: as HttpClient does.
            Refused, Unreadable: as their docstrings say.
        """
        loop = asyncio.get_running_loop()
        flight = _Flight(loop, self._http, gate, own=own)
        try:
            calling = loop.run_in_executor(self._pool, self._in_thread, flight, operation, parameters)
        except RuntimeError as error:  # the pool is closed
            raise Unasked("the connections are closed, because credentials or settings have changed") from error
        try:
            return await calling
        except asyncio.CancelledError:
            flight.give_up()  # the thread goes on, but its connection does not
            raise

    def _in_thread(self, flight: "_Flight", operation: str, parameters: Mapping[str, Any]) -> Any:
        try:
            if self._client is None:
                self._client = self._made()
            self._flying.flight = flight
            return getattr(self._client, operation)(**parameters)
        except ClientError as error:
            raise Refused(_refusal(error)) from error
        except _BROKEN as error:
            if flight.answered is None:
                raise NotSent(f"the call could not be written: {type(error).__name__}") from error
            raise Unreadable("the answer could not be read", flight.answered) from error
        finally:
            self._flying.flight = None

    def _made(self) -> Any:
        with _building:
            client = _session().client(
                self._service,
                region_name=self._region,
                endpoint_url=self._url,
                aws_access_key_id=self._keys.access,
                aws_secret_access_key=self._keys.secret,
                aws_session_token=self._keys.token or None,
                config=Config(retries=_ATTEMPTS, parameter_validation=True),
            )
        client.meta.events.register("before-send", self._carry)
        return client

    def _carry(self, request: AWSPreparedRequest, event_name: str, **_more: Any) -> AWSResponse:
        """Stand in for boto3's own network; what is returned here is not sent again by it."""
        flight: _Flight | None = getattr(self._flying, "flight", None)
        if flight is None:
            raise NotSent("boto3 wanted to call outside of a call of ours")
        return flight.carry(request, event_name.rpartition(".")[2])


class _Flight:
    """One call on its way between a thread of boto3's and the event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, http: HttpClient, gate: Gate, *, own: bool) -> None:
        self.answered: int | None = None  # the status
        self._loop = loop
        self._http = http
        self._gate = gate
        self._own = own
        self._begun = False
        self._given_up = False
        self._future: Future[Answer] | None = None

    def give_up(self) -> None:
        """End it: a connection of its own is reset."""
        self._given_up = True
        if self._future is not None:
            self._future.cancel()

    def carry(self, request: AWSPreparedRequest, operation: str) -> AWSResponse:
        """Return the answer to a signed call. Raises what HttpClient raises, and Unreadable."""
        if self._begun:
            raise Unreadable("boto3 wanted to repeat a call", 0)
        self._begun = True
        if self._given_up:
            raise Unasked("the call was given up")  # its loop may have ended, and would never answer
        calling = self._call(request)
        try:
            self._future = asyncio.run_coroutine_threadsafe(calling, self._loop)
        except RuntimeError as error:  # the loop is closed: the process ends
            calling.close()
            raise Unasked("the process ends") from error
        try:
            answer = self._future.result()
        except CancelledError as error:
            raise Unasked("the call was given up") from error
        self.answered = answer.status
        content = _checked(answer, operation)
        return AWSResponse(request.url, answer.status, dict(answer.headers), _Body(content))

    async def _call(self, request: AWSPreparedRequest) -> Answer:
        call = self._http.call_once if self._own else self._http.call
        parts = urlsplit(request.url)
        path = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
        headers = {name: _text(value) for name, value in request.headers.items() if name.lower() != "content-length"}
        return await call(request.method, path, headers=headers, body=_bytes(request.body), gate=self._may)

    def _may(self) -> bool:
        return not self._given_up and self._gate()


class _Body:
    """The content of an answer, as boto3 reads it from its own network."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, *_amount: Any, **_more: Any) -> Iterator[bytes]:
        """Yield all of it."""
        yield self._content


def _checked(answer: Answer, operation: str) -> bytes:
    """Return the content if it is the provider's own. Raises Unreadable: a proxy's page says nothing about machines."""
    content = answer.content
    if content is None:
        raise Unreadable("the answer is too large", answer.status)
    head = content[:_HEAD]
    success = 200 <= answer.status < 300
    shaped = f"<{operation}Response".encode() in head if success else b"<Error>" in content and b"<Code>" in content
    if not shaped:
        raise Unreadable(f"something answered {answer.status} that is not the provider", answer.status)
    return content


def _refusal(error: ClientError) -> Refusal:
    fields: Mapping[str, Any] = error.response.get("Error") or {}
    answer: Mapping[str, Any] = error.response.get("ResponseMetadata") or {}
    headers = answer.get("HTTPHeaders") or {}
    return Refusal(
        status=int(answer.get("HTTPStatusCode") or 0),
        code=cut(str(fields.get("Code") or ""), 100),
        message=cut(str(fields.get("Message") or ""), 256),
        retry_after=retry_after(headers.get("retry-after"), headers.get("date")),
    )


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _bytes(body: str | bytes | None) -> bytes | None:
    return body.encode() if isinstance(body, str) else body


@cache
def _session() -> boto3.session.Session:
    """Return the one session: what it has read of EC2's 10 MB of definitions serves every provider."""
    nowhere = (None, None, os.devnull, None)
    nothing = (None, None, None, None)
    inner = botocore.session.Session(
        session_vars={"profile": nothing, "config_file": nowhere, "credentials_file": nowhere, "ca_bundle": nothing}
    )
    return boto3.session.Session(botocore_session=inner)
