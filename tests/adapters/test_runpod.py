"""The RunPod adapter against the double: the contract, and what is its own."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from tests.adapters import contract
from tests.adapters.adapter_stage import LARGEST_BODY
from tests.adapters.contract import (
    FailingContract,
    ListOnlyContract,
    PowerContract,
    RevivableContract,
    Stage,
    Trouble,
    Verb,
    a_request,
    opened,
    outcome_of,
)
from tests.adapters.runpod_stage import MACHINE, RunpodStage

from gpuwright import http_client
from gpuwright.adapters.contract import Created, Deletion, NotAsked
from gpuwright.adapters.runpod_pods import ENV_LABELS
from gpuwright.model.capabilities import CreateKey, PriceCeiling
from gpuwright.model.conditions import Reason
from gpuwright.model.errors import (
    CannotStart,
    NeverSent,
    NotCommitted,
    NotExecuted,
    Rejected,
    Throttled,
    TooDear,
    Unauthenticated,
    Unknown,
)
from gpuwright.model.machine import Absent, MachineState, Present
from gpuwright.model.machine_endpoint import MachineEndpoint
from gpuwright.model.machine_spec import MachineSpec
from gpuwright.model.request import MachineRequest, Wishes
from gpuwright_sandbox.doubles.answers import json_answer
from gpuwright_sandbox.doubles.faults import How
from gpuwright_sandbox.runpod.answers import problem
from gpuwright_sandbox.runpod.pods import Status


@pytest.fixture(autouse=True)
def _runpods_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_client, "MAX_BODY", LARGEST_BODY)
    monkeypatch.setattr(contract, "MACHINE", MACHINE)


@pytest.fixture
async def stage() -> AsyncIterator[RunpodStage]:
    async with RunpodStage() as stage:
        yield stage


class TestRunpod(ListOnlyContract, PowerContract, FailingContract, RevivableContract):
    """What every adapter keeps."""

    async def test_a_machine_that_is_not_up_yet_is_not_switched_off_and_it_is_nobodys_fault(self, stage: Stage) -> None:
        """At RunPod it is switched off all the same: its documentation allows a stop of what is coming up."""
        await stage.adapter.create(a_request(), opened)
        await stage.adapter.power(a_request().name, on=False, gate=opened)
        sighting = await stage.adapter.look(a_request().name, opened)
        assert isinstance(sighting, Present)
        assert sighting.machine.state is MachineState.STOPPED


def machine(**spec: Any) -> MachineSpec:
    return MachineSpec.model_validate({"image": "registry.example/trainer:1", **spec})


def asking(attempt: int = 1, **spec: Any) -> MachineRequest:
    return replace(a_request(attempt=attempt), wishes=Wishes(machine(**spec)))


def asked(stage: RunpodStage) -> list[str]:
    """Return the GPUs that creates have asked for."""
    return [call.body["gpu"]["id"] for call in stage.server.calls if call.operation.id == "createPod"]


async def refused(stage: RunpodStage, status: int, detail: str, request: MachineRequest | None = None) -> Exception:
    """Return what a create that is answered so ends in."""
    stage.fault("createPod", answer=problem(status, detail), carried_out=False)
    try:
        await stage.adapter.create(request or a_request(), opened)
    except (NotCommitted, NotExecuted, Unknown) as error:
        return error
    raise AssertionError("it was made")


async def test_it_says_what_it_can_do(stage: RunpodStage) -> None:
    capabilities = stage.adapter.capabilities
    assert capabilities.create_key is CreateKey.NONE
    assert not capabilities.node_join
    assert not capabilities.spot
    assert capabilities.price_ceiling is PriceCeiling.EVERY
    assert capabilities.power
    assert "its own host only" in capabilities.limits


async def test_a_machine_says_its_gpu_its_place_and_its_price(stage: RunpodStage) -> None:
    spec: dict[str, Any] = {"instanceType": "NVIDIA L4", "gpu": {"type": "L4", "count": 2}, "region": "EU-RO-1"}
    created = await stage.adapter.create(asking(**spec), opened)
    assert created.machine.instance_type == "NVIDIA L4"
    assert created.machine.region == "EU-RO-1"
    assert (created.machine.price_per_hour, created.machine.currency) == ("0.88", "USD")
    assert created.machine.state is MachineState.PENDING


async def test_ports_are_reached_once_the_pod_runs_and_no_more_when_it_is_off(stage: RunpodStage) -> None:
    ports = [{"name": "ssh", "port": 22}, {"name": "web", "port": 8888, "protocol": "HTTP"}]
    created = await stage.adapter.create(asking(gpu={"type": "L4"}, ports=ports), opened)
    assert created.machine.endpoints == ()
    assert stage.server.fleet.named(a_request().name).asked["ports"] == ["22/tcp", "8888/http"]
    stage.advance(60)
    (shown,) = await stage.adapter.list()
    url = f"https://{created.machine.id}-8888.proxy.runpod.net"
    assert shown.endpoints == (MachineEndpoint("ssh", 22, "195.26.233.3", 40022), MachineEndpoint("web", 8888, url=url))
    await stage.adapter.power(a_request().name, on=False, gate=opened)
    (shown,) = await stage.adapter.list()
    assert shown.endpoints == ()


async def test_keys_are_in_the_pods_environment(stage: RunpodStage) -> None:
    wishes = Wishes(machine(gpu={"type": "L4"}), ssh_keys=("ssh-ed25519 AAAAC3Nza me",))
    await stage.adapter.create(replace(a_request(), wishes=wishes), opened)
    assert stage.server.fleet.named(a_request().name).env["PUBLIC_KEY"] == "ssh-ed25519 AAAAC3Nza me"


async def test_an_image_that_takes_twenty_minutes_is_a_machine_on_its_way_and_nothing_else(stage: RunpodStage) -> None:
    await stage.adapter.create(a_request(), opened)
    stage.server.fleet.pace = replace(stage.server.fleet.pace, start=1200.0)
    stage.advance(1190)
    (shown,) = await stage.adapter.list()
    assert (shown.word, shown.state) == ("STARTING", MachineState.PROVISIONING)
    stage.advance(30)
    (shown,) = await stage.adapter.list()
    assert shown.state is MachineState.RUNNING


async def test_a_machine_of_another_cluster_is_not_in_our_list(stage: RunpodStage) -> None:
    other = stage.adapter_for(cluster="cluster-2")
    await stage.adapter.create(a_request(), opened)
    assert await other.list() == ()
    assert await other.look(a_request().name, opened) == Absent()
    assert await other.delete(a_request().name, opened) is Deletion.NOT_FOUND
    assert stage.live() == [a_request().name]


async def test_a_pod_that_somebody_renamed_is_still_found_under_its_name(stage: RunpodStage) -> None:
    created = await stage.adapter.create(a_request(), opened)
    stage.server.fleet.named(a_request().name).name = "my old trainer"
    sighting = await stage.adapter.look(a_request().name, opened)
    assert isinstance(sighting, Present)
    assert (sighting.machine.id, sighting.machine.name) == (created.machine.id, a_request().name)
    assert await stage.adapter.delete(a_request().name, opened) is Deletion.ACCEPTED
    assert stage.live() == []


async def test_a_pod_whose_environment_somebody_emptied_is_not_taken_for_gone(stage: RunpodStage) -> None:
    created = await stage.adapter.create(a_request(), opened)
    stage.server.fleet.named(a_request().name).env = {}
    assert await stage.adapter.list() == ()
    sighting = await stage.adapter.look(a_request().name, opened)
    assert isinstance(sighting, Present)
    assert (sighting.machine.id, sighting.machine.owner) == (created.machine.id, None)
    assert await stage.adapter.delete(a_request().name, opened) is Deletion.ACCEPTED
    assert stage.live() == []


async def test_a_pod_made_by_hand_is_looked_at_and_ended_by_its_id(stage: RunpodStage) -> None:
    pod = stage.server.fleet.make({"name": "by hand", "image": "a", "gpu": {"id": "NVIDIA L4"}})
    assert await stage.adapter.list() == ()
    sighting = await stage.adapter.look(pod.id, opened)
    assert isinstance(sighting, Present)
    assert (sighting.machine.id, sighting.machine.name) == (pod.id, pod.id)
    assert await stage.adapter.delete(pod.id, opened) is Deletion.ACCEPTED
    assert stage.live() == []


async def test_of_two_pods_under_one_name_an_id_means_one(stage: RunpodStage) -> None:
    first, second = [await stage.adapter.create(a_request(), opened) for _ in range(2)]
    for made in (first, second):
        sighting = await stage.adapter.look(made.machine.id, opened)
        assert isinstance(sighting, Present)
        assert sighting.machine.id == made.machine.id
        assert sighting.machine.owner == a_request().owner
    assert await stage.adapter.delete(second.machine.id, opened) is Deletion.ACCEPTED
    assert [pod.id for pod in stage.server.fleet.live()] == [first.machine.id]
    assert await stage.adapter.look(second.machine.id, opened) == Absent()
    assert await stage.adapter.delete(second.machine.id, opened) is Deletion.NOT_FOUND
    assert [pod.id for pod in stage.server.fleet.live()] == [first.machine.id]


class TestGpus:
    async def test_a_name_means_every_gpu_that_has_its_words_and_each_attempt_takes_the_next(
        self, stage: RunpodStage
    ) -> None:
        for attempt in (1, 2, 3, 4):
            await refused(
                stage, 400, "There are no instances currently available", asking(attempt, gpu={"type": "H100"})
            )
        assert asked(stage) == ["NVIDIA H100 PCIe", "NVIDIA H100 80GB HBM3"] * 2
        assert [call.operation.id for call in stage.server.calls].count("listGpuTypes") == 1

    async def test_a_name_sent_again_asks_for_the_same_gpu(self, stage: RunpodStage) -> None:
        request = asking(attempt=2, gpu={"type": "H100"})
        stage.spoil(Verb.CREATE, Trouble.LOST)
        with pytest.raises(Unknown):
            await stage.adapter.create(request, opened)
        await stage.adapter.create(replace(request, resent=True), opened)
        assert asked(stage) == ["NVIDIA H100 80GB HBM3"] * 2

    async def test_a_gpu_that_is_not_sold_is_a_persons_to_mend(self, stage: RunpodStage) -> None:
        with pytest.raises(Rejected, match="no GPU 'TPU'") as caught:
            await stage.adapter.create(asking(gpu={"type": "TPU"}), opened)
        assert caught.value.reason is Reason.REQUEST_REJECTED
        assert stage.calls(Verb.CREATE) == 0

    @pytest.mark.parametrize(
        ("fields", "error"),
        [
            ({"how": How.DROP, "carried_out": False}, NeverSent),
            ({"how": How.HTML}, NeverSent),
            ({"answer": problem(401, "no")}, Unauthenticated),
            ({"answer": problem(403, "no")}, Rejected),
            ({"answer": problem(429, "slowly")}, Throttled),
            ({"answer": problem(503, "sick")}, NotExecuted),
        ],
    )
    async def test_a_create_whose_catalogue_cannot_be_read_was_never_sent(
        self, stage: RunpodStage, fields: dict[str, Any], error: type[NotExecuted]
    ) -> None:
        stage.fault("listGpuTypes", **fields)
        with pytest.raises(error):
            await stage.adapter.create(asking(gpu={"type": "L4"}), opened)
        assert stage.calls(Verb.CREATE) == 0
        await stage.adapter.create(asking(gpu={"type": "L4"}), opened)
        assert asked(stage) == ["NVIDIA L4"]

    async def test_a_closed_gate_reads_no_catalogue(self, stage: RunpodStage) -> None:
        with pytest.raises(NotAsked):
            await stage.adapter.create(asking(gpu={"type": "L4"}), lambda: False)
        assert stage.calls() == 0

    async def test_the_catalogue_is_read_again_after_a_while(
        self, stage: RunpodStage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("gpuwright.adapters.runpod.CATALOGUE_SECONDS", 0.0)
        for owner in ("a", "b"):
            request = replace(a_request(owner), wishes=Wishes(machine(gpu={"type": "L4"})))
            await stage.adapter.create(request, opened)
        assert [call.operation.id for call in stage.server.calls].count("listGpuTypes") == 2


class TestACeiling:
    @pytest.mark.parametrize(
        "spec",
        [
            pytest.param({"gpu": {"type": "H100"}}, id="by name"),
            pytest.param({"instanceType": "NVIDIA H100 PCIe"}, id="by id"),
            pytest.param({"instanceType": "NVIDIA L4", "gpu": {"type": "L4", "count": 7}}, id="several of a cheap one"),
            pytest.param({"instanceType": "NVIDIA B9000"}, id="of no price that is told"),
        ],
    )
    async def test_that_is_too_low_sends_no_create(self, stage: RunpodStage, spec: dict[str, Any]) -> None:
        with pytest.raises(TooDear) as caught:
            await stage.adapter.create(asking(**spec, maxPricePerHour="2.38"), opened)
        assert caught.value.reason is Reason.PRICE_TOO_HIGH
        assert (stage.calls(Verb.CREATE), stage.live()) == (0, [])

    async def test_buys_what_it_allows_and_never_the_dearer_form_of_a_card(self, stage: RunpodStage) -> None:
        for attempt in (1, 2):
            request = asking(attempt, gpu={"type": "H100"}, maxPricePerHour="2.50")
            await refused(stage, 400, "There are no instances currently available", request)
        assert asked(stage) == ["NVIDIA H100 PCIe"] * 2

    async def test_of_a_gpu_that_is_named_by_its_id_is_kept_too(self, stage: RunpodStage) -> None:
        await stage.adapter.create(asking(instanceType="NVIDIA L4", maxPricePerHour="0.39"), opened)
        assert asked(stage) == ["NVIDIA L4"]

    async def test_cannot_be_kept_while_the_catalogue_cannot_be_read(self, stage: RunpodStage) -> None:
        stage.fault("listGpuTypes", answer=problem(503, "sick"))
        with pytest.raises(NotExecuted):
            await stage.adapter.create(asking(instanceType="NVIDIA L4", maxPricePerHour="9"), opened)
        assert stage.calls(Verb.CREATE) == 0


class TestFourHundred:
    """One status for "no room" and for "you are wrong"; only the text tells."""

    async def test_a_text_about_room_made_nothing_and_is_tried_again(self, stage: RunpodStage) -> None:
        error = await refused(stage, 400, "There are no longer any instances available with enough disk space.")
        assert isinstance(error, NotCommitted)
        assert error.reason is Reason.CAPACITY_UNAVAILABLE

    async def test_a_text_about_the_request_is_believed_at_once(self, stage: RunpodStage) -> None:
        error = await refused(stage, 400, "mounts.persistent and mounts.network are mutually exclusive")
        assert isinstance(error, Rejected)
        assert error.reason is Reason.REQUEST_REJECTED

    async def test_a_text_that_says_nothing_is_believed_only_when_each_of_several_gpus_says_it(
        self, stage: RunpodStage
    ) -> None:
        ends = [
            await refused(stage, 400, "request could not be processed", asking(attempt, gpu={"type": "H100"}))
            for attempt in (1, 2)
        ]
        assert [type(end) for end in ends] == [NotCommitted, Rejected]

    async def test_one_gpu_alone_is_never_enough_to_believe_it(self, stage: RunpodStage) -> None:
        for attempt in range(1, 9):
            error = await refused(stage, 400, "request could not be processed", a_request(attempt=attempt))
            assert isinstance(error, NotCommitted)

    async def test_a_machine_that_was_made_ends_the_doubts(self, stage: RunpodStage) -> None:
        await refused(stage, 400, "request could not be processed", asking(1, gpu={"type": "H100"}))
        created = await stage.adapter.create(asking(2, gpu={"type": "H100"}), opened)
        assert isinstance(created, Created)
        error = await refused(stage, 400, "request could not be processed", asking(4, gpu={"type": "H100"}))
        assert isinstance(error, NotCommitted)

    async def test_a_promise_that_was_broken_once_is_believed_no_more(self, stage: RunpodStage) -> None:
        for status, detail in ((400, "There are no instances currently available"), (402, "balance")):
            stage.fault("createPod", answer=problem(status, detail))
            with pytest.raises(Unknown):
                await stage.adapter_for(promises=False).create(a_request(), opened)


async def test_a_body_that_runpod_does_not_take_is_never_sent_again(stage: RunpodStage) -> None:
    stage.fault("createPod", answer=problem(422, "Request validation failed.", ["$.disk: 0 is too small"]))
    with pytest.raises(Rejected, match=r"\$\.disk: 0 is too small") as caught:
        await stage.adapter.create(a_request(), opened)
    assert caught.value.reason is Reason.REQUEST_REJECTED


async def test_a_template_that_is_not_there_is_a_persons_to_mend(stage: RunpodStage) -> None:
    with pytest.raises(Rejected, match="template not found"):
        await stage.adapter.create(asking(instanceType="NVIDIA L4", runpod={"templateId": "none"}), opened)


class TestAPoolThatIsClosedToUs:
    async def test_is_about_this_machine_only(self, stage: RunpodStage) -> None:
        error = await refused(stage, 403, "access denied")
        assert isinstance(error, Rejected)
        assert not isinstance(error, Unauthenticated)
        assert error.reason is Reason.CREDENTIALS_REJECTED

    async def test_is_skipped_where_the_gpu_means_several(self, stage: RunpodStage) -> None:
        stage.server.closed.add("NVIDIA H100 PCIe")
        with pytest.raises(NotCommitted, match="access denied") as caught:
            await stage.adapter.create(asking(1, gpu={"type": "H100"}), opened)
        assert caught.value.reason is Reason.PLACEMENT_FAILED
        await stage.adapter.create(asking(2, gpu={"type": "H100"}), opened)
        assert asked(stage) == ["NVIDIA H100 PCIe", "NVIDIA H100 80GB HBM3"]

    async def test_is_told_as_credentials_once_each_of_several_was_closed(self, stage: RunpodStage) -> None:
        stage.server.closed |= {"NVIDIA H100 PCIe", "NVIDIA H100 80GB HBM3"}
        # What was rejected is sent again under its name.
        ends = [await outcome_of(stage.adapter, asking(attempt, gpu={"type": "H100"})) for attempt in (1, 2, 2, 3)]
        assert [type(end) for end in ends] == [NotCommitted, Rejected, NotCommitted, Rejected]
        assert {end.reason for end in ends if isinstance(end, Rejected)} == {Reason.CREDENTIALS_REJECTED}

    async def test_is_forgotten_once_a_machine_was_made(self, stage: RunpodStage) -> None:
        ends = []
        for attempt, closed in ((1, "NVIDIA H100 PCIe"), (2, ""), (4, "NVIDIA H100 80GB HBM3")):
            stage.server.closed = {closed}
            ends.append(await outcome_of(stage.adapter, asking(attempt, gpu={"type": "H100"})))
        assert [type(end) for end in ends] == [NotCommitted, Created, NotCommitted]


@pytest.mark.parametrize("made", [False, True])
async def test_a_failure_of_runpods_own_is_unknown_whatever_its_documentation_advises(
    stage: RunpodStage, made: bool
) -> None:
    stage.fault("createPod", answer=problem(500, "There are no instances currently available"), carried_out=made)
    with pytest.raises(Unknown):
        await stage.adapter.create(a_request(), opened)
    assert stage.calls(Verb.CREATE) == 1


async def test_every_wish_reaches_runpod_in_words_that_it_takes(stage: RunpodStage) -> None:
    stage.server.templates.add("30zmvf89kd")
    own = {
        "cloud": "Community",
        "templateId": "30zmvf89kd",
        "registryId": "clz",
        "args": "python train.py",
        "startSsh": True,
        "volume": "20Gi",
        "globalNetworking": True,
        "minCudaVersion": "12.8",
    }
    spec: dict[str, Any] = {"gpu": {"type": "RTX 4090", "count": 2}, "disk": "50Gi", "region": "US-KS-2", "runpod": own}
    spec["ports"] = [{"name": "ssh", "port": 22}, {"name": "web", "port": 8888, "protocol": "HTTP"}]
    await stage.adapter.create(asking(**spec), opened)
    stage.advance(60)
    (shown,) = await stage.adapter.list()
    assert {entry["type"] for entry in shown.addresses} == {"InternalIP", "InternalDNS", "ExternalIP"}
    network = {"networkVolumeId": "agv6w2qcg7", "volumePath": "/data"}
    await stage.adapter.create(asking(2, instanceType="NVIDIA L4", runpod=network), opened)
    assert len(stage.live()) == 2


class TestQuota:
    async def test_creates_leave_the_last_calls_to_looks_and_terminates(self, stage: RunpodStage) -> None:
        stage.server.allowance.calls = 8
        await stage.adapter.create(a_request(), opened)
        await stage.adapter.list()
        with pytest.raises(Throttled) as caught:
            await stage.adapter.create(a_request("another"), opened)
        assert 0 < caught.value.retry_after <= 60
        assert stage.calls(Verb.CREATE) == 1
        assert await stage.adapter.delete(a_request().name, opened) is Deletion.ACCEPTED

    async def test_what_is_too_much_is_throttled_and_tells_for_how_long(self, stage: RunpodStage) -> None:
        stage.server.allowance.calls = 0
        with pytest.raises(Throttled) as caught:
            await stage.adapter.delete(a_request().name, opened)
        assert 59 <= caught.value.retry_after <= 60


class TestPower:
    async def test_a_pod_in_error_that_has_run_is_started_again(self, stage: RunpodStage) -> None:
        await stage.adapter.create(a_request(), opened)
        stage.advance(60)
        stage.server.fleet.halt(stage.server.fleet.named(a_request().name), Status.ERROR)
        await stage.adapter.power(a_request().name, on=True, gate=opened)
        stage.advance(60)
        (shown,) = await stage.adapter.list()
        assert shown.state is MachineState.RUNNING

    async def test_a_start_on_a_host_without_a_free_gpu_is_refused_for_good(self, stage: RunpodStage) -> None:
        await stage.adapter.create(a_request(), opened)
        pod = stage.server.fleet.named(a_request().name)
        stage.server.fleet.halt(pod)
        pod.host_full = True
        with pytest.raises(CannotStart, match="its own host only"):
            await stage.adapter.power(a_request().name, on=True, gate=opened)
        assert stage.live() == [a_request().name]

    @pytest.mark.parametrize(("status", "detail"), [(402, "insufficient balance"), (400, "your balance is too low")])
    async def test_a_start_that_there_is_no_money_for_costs_nobody_a_machine(
        self, stage: RunpodStage, status: int, detail: str
    ) -> None:
        await stage.adapter.create(a_request(), opened)
        stage.fault("podAction", answer=problem(status, detail), carried_out=False)
        with pytest.raises(NotExecuted) as caught:
            await stage.adapter.power(a_request().name, on=True, gate=opened)
        assert not isinstance(caught.value, Rejected)
        assert caught.value.reason is Reason.QUOTA_EXCEEDED

    async def test_a_stop_in_the_wrong_state_is_looked_at_again(self, stage: RunpodStage) -> None:
        await stage.adapter.create(a_request(), opened)
        stage.server.fleet.halt(stage.server.fleet.named(a_request().name), Status.ERROR)
        with pytest.raises(NotExecuted) as caught:
            await stage.adapter.power(a_request().name, on=False, gate=opened)
        assert caught.value.reason is Reason.WAITING


async def test_a_pod_that_is_gone_before_its_terminate_arrives_is_not_found(stage: RunpodStage) -> None:
    await stage.adapter.create(a_request(), opened)
    stage.fault("deletePod", answer=problem(404, "pod not found"))
    assert await stage.adapter.delete(a_request().name, opened) is Deletion.NOT_FOUND


async def test_a_pod_of_one_of_runpods_clusters_is_told_to_a_person(stage: RunpodStage) -> None:
    await stage.adapter.create(a_request(), opened)
    stage.fault("deletePod", answer=problem(409, "pod belongs to a cluster"), carried_out=False)
    with pytest.raises(Rejected, match="belongs to a cluster"):
        await stage.adapter.delete(a_request().name, opened)


@pytest.mark.parametrize("change", [{"GPUWRIGHT_INSTANCE_NAME": "other"}, {ENV_LABELS: "theirs"}])
async def test_an_answer_to_a_create_that_is_not_our_machine_is_unknown(
    stage: RunpodStage, change: dict[str, str]
) -> None:
    theirs = a_request("theirs")
    await stage.adapter.create(theirs, opened)
    stolen = dict(stage.server.fleet.named(theirs.name).env)
    made = stage.server.fleet.make({"name": "x", "image": "a", "gpu": {"id": "NVIDIA L4"}, "env": stolen})
    if ENV_LABELS in change:
        made.env["GPUWRIGHT_INSTANCE_NAME"] = a_request().name
    answer = json_answer(201, stage.server.fleet.shown(made))
    stage.fault("createPod", answer=answer, carried_out=False)
    with pytest.raises(Unknown, match="not the one that was asked for"):
        await stage.adapter.create(a_request(), opened)
