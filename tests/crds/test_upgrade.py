"""An upgrade of the CRDs keeps every object that was stored under earlier ones: it reads the same, and can be written.

`earlier/DAY/` has the CRDs as they were on a day, and objects of that day with every field. A release adds its own.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from tests.crds.schema import CRDS, INSTANCES, Manifest
from tests.crds.server import Server

from gpuwright.model.api_base import ApiModel
from gpuwright.model.instance_spec import InstanceSpec
from gpuwright.model.provider_spec import ClusterProviderSpec
from gpuwright_sandbox.controlplane.clients import open_client
from gpuwright_sandbox.controlplane.plane import ControlPlane

pytestmark = pytest.mark.cluster

EARLIER = sorted((Path(__file__).parent / "earlier").iterdir())
NAMESPACE = "stored"


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A control plane whose CRDs can be put back without anybody else noticing."""
    with ControlPlane(tmp_path_factory.mktemp("upgraded")) as made:
        yield made


@pytest.fixture(params=EARLIER, ids=lambda day: day.name)
def stored(request: pytest.FixtureRequest, plane: ControlPlane) -> Iterator[tuple[Server, list[Manifest]]]:
    """Return a server with the objects of a day, stored under the CRDs of that day."""
    plane.install_crds(request.param)
    plane.kubectl("create", "namespace", NAMESPACE)
    objects = list(yaml.safe_load_all((request.param / "objects" / "objects.yaml").read_text(encoding="utf-8")))
    with open_client(plane.admin_kubeconfig()) as api:
        server = Server(api, NAMESPACE)
        for manifest in objects:
            answer = server.create({**manifest, "status": {}}, keep=True)
            assert answer.accepted, answer.sentences
            if "status" in manifest:
                assert server.patch_status(manifest, manifest["status"]).accepted
        yield server, [server.read(manifest) for manifest in objects]
        for manifest in objects:
            server.delete(manifest)


def test_every_stored_object_reads_the_same_and_can_be_written(
    plane: ControlPlane, stored: tuple[Server, list[Manifest]]
) -> None:
    server, before = stored
    assert len(before) > 1
    plane.install_crds(CRDS)
    assert [complaint for body in before for complaint in complaints(server, body)] == []


def test_an_upgrade_that_narrows_would_be_told(
    plane: ControlPlane, stored: tuple[Server, list[Manifest]], tmp_path: Path
) -> None:
    server, before = stored
    shutil.copytree(CRDS, tmp_path / "crds")
    path = tmp_path / "crds" / f"gpuwright.dev_{INSTANCES}.yaml"
    narrowed = yaml.safe_load(path.read_text(encoding="utf-8"))
    (version,) = narrowed["spec"]["versions"]
    schema = version["schema"]["openAPIV3Schema"]["properties"]
    del schema["spec"]["properties"]["expireAfterSeconds"]
    del schema["status"]["default"]
    schema["status"]["properties"]["summary"]["maxLength"] = 1
    path.write_text(yaml.safe_dump(narrowed), encoding="utf-8")
    plane.install_crds(tmp_path / "crds")
    found = {words for body in before for words in complaints(server, body)}
    assert any("reads otherwise" in words for words in found)
    assert any("status cannot be written" in words for words in found)


def complaints(server: Server, before: Manifest) -> Iterator[str]:
    """Yield what an object lost when the CRDs became others."""
    name, now = before["metadata"]["name"], server.read(before)
    for part in ("spec", "status"):
        if not _holds(now.get(part), before[part]):
            yield f"{name}: its {part} reads otherwise"
    model: type[ApiModel] = InstanceSpec if before["kind"] == "ComputeInstance" else ClusterProviderSpec
    model.model_validate(now["spec"])
    if not server.replace({**now, "metadata": {**now["metadata"], "labels": {"upgraded": "yes"}}}, keep=True).accepted:
        yield f"{name}: it cannot be written"
    if not server.patch_status(now, {**now.get("status", {}), "summary": "Waiting"}).accepted:
        yield f"{name}: its status cannot be written"


def _holds(now: object, before: object) -> bool:
    """Return whether all of `before` is still there; a default of a newer field may have come beside it."""
    if isinstance(before, dict):
        return isinstance(now, dict) and all(key in now and _holds(now[key], value) for key, value in before.items())
    if isinstance(before, list):
        return isinstance(now, list) and len(now) == len(before) and all(map(_holds, now, before))
    return now == before
