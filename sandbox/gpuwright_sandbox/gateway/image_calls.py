"""The calls about snapshots and templates."""

from gpuwright_sandbox.gateway.answers import Answer, refusal
from gpuwright_sandbox.gateway.calls import Bend, Call
from gpuwright_sandbox.gateway.images import Images, Template
from gpuwright_sandbox.gateway.instance_calls import InstanceCalls
from gpuwright_sandbox.gateway.machines import MachineState
from gpuwright_sandbox.gateway.orders import Callback, SnapshotBody, TemplatesBody, read_restore
from gpuwright_sandbox.gateway.shapes import Json, as_json, read


class ImageCalls:
    """Carries these calls out; each takes the call, the account of its token, and how the call is bent."""

    def __init__(self, images: Images, instances: InstanceCalls) -> None:
        self._images = images
        self._instances = instances

    def snapshot(self, call: Call, account: str, bend: Bend) -> Answer:
        """POST /api/instances/{name}/snapshot; the callback hears when it is stored."""
        del bend
        machine = self._instances.read(call, account)
        callback = read(SnapshotBody, call.json).callback
        if machine.state not in (MachineState.RUNNING, MachineState.STOPPED):
            raise refusal(409, f"a machine that is {machine.state} cannot be stored", "invalid_state")
        snapshot = self._images.take(account, machine.id, machine.request.image)
        told: dict[str, Json] = {"snapshot_id": snapshot.id, "instance_id": machine.id}
        return Answer(202, {"snapshot_id": snapshot.id}, notify=_notice(callback, told))

    def restore(self, call: Call, account: str, bend: Bend) -> Answer:
        """POST /api/snapshots/{id}/restore."""
        snapshot = self._images.find(account, call.target)
        if snapshot is None:
            raise refusal(404, f"there is no snapshot {call.target}")
        machine = self._instances.make(read_restore(call.json, account, snapshot.image), bend)
        return Answer(201, self._instances.show(machine))

    def templates(self, call: Call, account: str, bend: Bend) -> Answer:
        """POST /api/templates; in the background it is 202, and the callback hears the results."""
        del bend
        body = read(TemplatesBody, call.json)
        self._images.build(Template(account, body.image, body.machine_configs))
        done: dict[str, Json] = {"results": [{"machine_config": as_json(config)} for config in body.machine_configs]}
        return Answer(202, notify=_notice(body.callback, done)) if body.background else Answer(200, done)


def _notice(callback: Callback | None, told: dict[str, Json]) -> tuple[str, Json] | None:
    if callback is None:
        return None
    return callback.url, {"status": "completed", **told, "metadata": as_json(callback.metadata)}
