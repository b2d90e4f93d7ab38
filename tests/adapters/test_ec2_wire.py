"""boto3 without its own network: what it may not do, and what it takes from nowhere but the Secret."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable

import pytest
from tests.adapters import contract
from tests.adapters.adapter_stage import PATIENCE
from tests.adapters.contract import Trouble, Verb, a_request, opened
from tests.adapters.ec2_stage import MACHINE, Ec2Stage

from gpuwright.adapters import ec2_wire
from gpuwright.adapters.contract import NotAsked
from gpuwright.adapters.ec2 import Ec2
from gpuwright.adapters.ec2_access import THREADS, Ec2Access
from gpuwright.adapters.ec2_credentials import Ec2Credentials
from gpuwright.adapters.ec2_wire import Keys
from gpuwright.http_client import Endpoint, HttpClient, NotSent
from gpuwright.model.addresses import AddressPolicy
from gpuwright.model.ec2_spec import Ec2Spec
from gpuwright.model.errors import Blind, NeverSent
from gpuwright_sandbox.doubles.faults import How
from gpuwright_sandbox.ec2.calls import Kind


@pytest.fixture(autouse=True)
def _ec2s_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contract, "MACHINE", MACHINE)


@pytest.fixture
async def stage(moto: str) -> AsyncIterator[Ec2Stage]:
    async with Ec2Stage(moto) as stage:
        yield stage


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - a stage has no event for what it hears
        await asyncio.sleep(0.01)


async def test_nothing_is_taken_from_the_environment(stage: Ec2Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    ec2_wire._session.cache_clear()
    for name, value in {
        "AWS_ACCESS_KEY_ID": "AKIAENVIRONMENT",
        "AWS_SECRET_ACCESS_KEY": "environment",
        "AWS_SESSION_TOKEN": "environment",
        "AWS_PROFILE": "nowhere",
        "AWS_DEFAULT_REGION": "eu-west-9",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_CONFIG_FILE": "/nowhere",
        "HTTP_PROXY": "http://127.0.0.1:1",
        "AWS_MAX_ATTEMPTS": "9",
    }.items():
        monkeypatch.setenv(name, value)
    stage.spoil(Verb.LIST, Trouble.UNPROMISED)
    with pytest.raises(Blind):
        await stage.adapter.list()
    (call,) = stage.server.calls
    assert "Credential=AKIASANDBOX/" in call.headers["Authorization"]
    assert "/us-east-1/ec2/" in call.headers["Authorization"]
    assert "X-Amz-Security-Token" not in call.headers
    ec2_wire._session.cache_clear()


async def test_a_session_token_of_the_secret_is_sent(stage: Ec2Stage) -> None:
    text = "[a]\naws_access_key_id=ASIA1\naws_secret_access_key=s\naws_session_token=t0ken\n"
    await stage.adapter_for(credentials=text).probe()
    assert stage.server.calls[0].headers["X-Amz-Security-Token"] == "t0ken"


async def test_calls_that_hang_hold_no_more_threads_than_there_may_be_and_never_the_loop(stage: Ec2Stage) -> None:
    stage.fault(Kind.LOOK, how=How.HANG, carried_out=False, times=100)
    calls = [asyncio.ensure_future(stage.adapter.look("n", opened)) for _ in range(3 * THREADS)]
    # The shim lives on this loop: it could not count if the loop stood still.
    await until(lambda: stage.calls(Verb.LOOK) == THREADS)
    threads = [thread for thread in threading.enumerate() if thread.name.startswith("ec2")]
    assert len(threads) == THREADS
    for call in calls:
        call.cancel()
    assert all(isinstance(end, asyncio.CancelledError) for end in await asyncio.gather(*calls, return_exceptions=True))
    await stage.adapter.probe()


async def test_a_create_that_is_cancelled_lets_go_of_its_thread_and_resets_its_connection(stage: Ec2Stage) -> None:
    stage.spoil(Verb.CREATE, Trouble.SILENT)
    task = asyncio.ensure_future(stage.adapter.create(a_request(), opened))
    await until(lambda: stage.calls(Verb.CREATE) == 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    created = await stage.adapter.create(a_request(), opened)
    assert stage.live() == [created.machine.name]


async def test_a_create_that_is_cancelled_before_it_left_never_leaves(stage: Ec2Stage) -> None:
    await stage.adapter.create(a_request("warm"), opened)
    reached = threading.Event()
    go_on = threading.Event()

    def gate() -> bool:
        reached.set()
        return True

    real = ec2_wire._Flight.carry

    def late(self: ec2_wire._Flight, *arguments: object) -> object:
        reached.set()
        go_on.wait(PATIENCE)
        return real(self, *arguments)  # type: ignore[arg-type]  # passed on as they are

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ec2_wire._Flight, "carry", late)
        task = asyncio.ensure_future(stage.adapter.create(a_request(), gate))
        await until(reached.is_set)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go_on.set()
        await asyncio.sleep(0.2)
    assert stage.calls(Verb.CREATE) == 1
    assert len(stage.live()) == 1


async def test_a_closed_adapter_asks_nothing(stage: Ec2Stage) -> None:
    adapter = stage.adapter_for()
    await adapter.close()
    with pytest.raises(NotAsked):
        await adapter.delete("n", opened)
    with pytest.raises(Blind):
        await adapter.list()
    assert stage.calls() == 0


async def test_an_address_that_is_not_allowed_is_never_called(stage: Ec2Stage) -> None:
    body = {"region": "us-east-1", "endpoint": stage.server.url, "credentialsSecretRef": {"name": "a", "key": "b"}}
    spec = Ec2Spec.model_validate(body)
    http = HttpClient(Endpoint(spec.url, 5, 5, AddressPolicy()))
    adapter = Ec2(spec, Ec2Access(spec, Ec2Credentials("a", "b"), http, None), "c", promises=True)
    with pytest.raises(NeverSent):
        await adapter.create(a_request(), opened)
    with pytest.raises(Blind) as caught:
        await adapter.probe()
    assert caught.value.forbidden
    assert stage.calls() == 0
    await adapter.close()


async def test_parameters_that_cannot_be_written_are_not_sent(stage: Ec2Stage) -> None:
    wire = stage.adapter._access._made(Keys("a", "b"))
    with pytest.raises(NotSent):
        await wire.call("describe_instances", {"MaxResults": "many"}, opened)
    assert stage.calls() == 0


def test_the_keys_are_in_no_repr() -> None:
    assert "hunter2" not in repr(Keys("AKIA", "hunter2"))
