"""The parameters of RunInstances, from what is asked for. They hold secrets: they are never logged."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gpuwright.adapters.ec2_machines import TAG_NAME
from gpuwright.adapters.ec2_user_data import user_data_of
from gpuwright.model.conditions import Reason
from gpuwright.model.ec2_spec import Ec2Defaults, Ec2Machine
from gpuwright.model.errors import Rejected
from gpuwright.model.machine_spec import MachineSpec, Purchase
from gpuwright.model.quantity import memory_gib_ceil
from gpuwright.model.request import MachineRequest

MAX_TAGS = 50
_TAGGED = ("instance", "volume", "network-interface")


@dataclass(frozen=True, slots=True)
class Image:
    """What EC2 says of a disk image."""

    id: str
    root_device: str
    architecture: str
    disks: tuple[tuple[str, int], ...]  # device and GiB of each of its volumes; 0 where EC2 does not say


def image_wanted(wanted: MachineSpec, defaults: Ec2Defaults) -> str:
    """Return the image's id. Raises Rejected where none is named."""
    found = wanted.image or defaults.image
    if not found:
        raise _rejected("EC2 needs a disk image: write spec.machine.image, such as ami-0a1b2c3d4e5f60718")
    return found


def check(wanted: MachineSpec, region: str) -> None:
    """Raise Rejected for a wish that this provider cannot have."""
    if wanted.region and wanted.region != region:
        raise _rejected(f"this provider is region {region}: leave out spec.machine.region, or use another provider")
    if wanted.image_pull_secret_ref is not None:
        raise _rejected("images at EC2 are AMIs, and need no login: leave out spec.machine.imagePullSecretRef")


def parameters(request: MachineRequest, image: Image, instance_type: str, defaults: Ec2Defaults) -> Mapping[str, Any]:
    """Return the parameters; the same arguments give the same ones, as its token demands. Raises Rejected."""
    wanted = request.wishes.machine
    own = wanted.ec2 or Ec2Machine()
    user_data = user_data_of(request)
    profile = defaults.iam_instance_profile
    found = {
        "ImageId": image.id,
        "InstanceType": instance_type,
        "MinCount": 1,
        "MaxCount": 1,
        "ClientToken": request.token,
        "TagSpecifications": _tags(request),
        "SubnetId": own.subnet_id or defaults.subnet_id,
        "SecurityGroupIds": own.security_group_ids or defaults.security_group_ids,
        "KeyName": own.key_name or defaults.key_name,
        "IamInstanceProfile": {"Name": profile} if profile else None,
        "Placement": {"AvailabilityZone": wanted.zone} if wanted.zone else None,
        "InstanceMarketOptions": _market(wanted),
        "BlockDeviceMappings": _disks(wanted, image),
        "MetadataOptions": {"HttpTokens": "required"},
        "UserData": user_data.decode() if user_data else None,  # boto3 writes it as base64
    }
    return {name: value for name, value in found.items() if value not in (None, [])}


def _market(wanted: MachineSpec) -> dict[str, Any] | None:
    """EC2 keeps a ceiling of spot machines by itself, and ends one when its price rises above it."""
    if wanted.purchase is not Purchase.SPOT:
        return None
    options = {"SpotInstanceType": "one-time", "InstanceInterruptionBehavior": "terminate"}
    if wanted.max_price_per_hour is not None:
        options["MaxPrice"] = wanted.max_price_per_hour
    return {"MarketType": "spot", "SpotOptions": options}


def _tags(request: MachineRequest) -> list[dict[str, Any]]:
    """Every resource is tagged at birth: one made first and tagged later could be lost in between."""
    tags = {"Name": request.name, **request.labels, TAG_NAME: request.name}
    if len(tags) > MAX_TAGS:
        own = len(tags) - len(request.wishes.tags)
        raise _rejected(f"EC2 takes {MAX_TAGS} tags, and {own} are ours: keep {MAX_TAGS - own} in spec.tags")
    listed = [{"Key": key, "Value": value} for key, value in sorted(tags.items())]
    kinds = [*_TAGGED, *(["spot-instances-request"] if request.wishes.machine.purchase is Purchase.SPOT else [])]
    return [{"ResourceType": kind, "Tags": listed} for kind in kinds]


def _disks(wanted: MachineSpec, image: Image) -> list[dict[str, Any]]:
    """No volume may outlive its machine, whatever the image says: it would bill for ever."""
    sizes = dict(image.disks)
    if wanted.disk is not None:
        sizes[image.root_device] = memory_gib_ceil(wanted.disk)
    return [
        {"DeviceName": device, "Ebs": {"DeleteOnTermination": True, **({"VolumeSize": size} if size else {})}}
        for device, size in sorted(sizes.items())
    ]


def _rejected(words: str) -> Rejected:
    return Rejected(words, Reason.REQUEST_REJECTED)
