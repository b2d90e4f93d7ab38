"""What is really there: asked of moto itself, past the shim, in EC2's own words."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode
from urllib.request import Request, urlopen
from xml.etree import ElementTree as ET

from gpuwright_sandbox.ec2.fates import Fates

REGION = "us-east-1"
OWN_TAGS = ("gpuwright.dev/name", "Name")
_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Instance:
    """One instance, as moto has it."""

    id: str
    name: str
    state: str
    tags: dict[str, str]
    spot: bool

    @property
    def alive(self) -> bool:
        """Whether it bills."""
        return self.state != "terminated"


class Truth:
    """One account of moto's."""

    def __init__(self, moto: str, account: str, fates: Fates) -> None:
        self._moto = moto
        self._account = account
        self._fates = fates

    def instances(self) -> list[Instance]:
        """Return every instance that there is, or was."""
        items = self._ask("DescribeInstances").findall(".//{*}instancesSet/{*}item")
        found = [_instance(item) for item in items]
        return [instance for instance in found if not self._fates.is_hidden(instance.id)]

    def live(self) -> list[Instance]:
        """Return those that bill."""
        return [instance for instance in self.instances() if instance.alive]

    def volumes(self) -> int:
        """Return how many volumes there are."""
        return len(self._ask("DescribeVolumes").findall(".//{*}volumeSet/{*}item"))

    def terminate(self, *ids: str) -> None:
        """End instances behind everybody's back."""
        self._change("TerminateInstances", ids)

    def stop(self, *ids: str) -> None:
        """Switch instances off behind everybody's back."""
        self._change("StopInstances", ids)

    def _change(self, action: str, ids: Sequence[str]) -> None:
        self._ask(action, **{f"InstanceId.{number}": identity for number, identity in enumerate(ids, 1)})
        self._fates.changed(action, ids)

    def _ask(self, action: str, **fields: str) -> ET.Element:
        body = urlencode({"Action": action, "Version": "2016-11-15", **fields}).encode()
        # moto reads the service and the region here, and checks nothing.
        scope = (
            f"AWS4-HMAC-SHA256 Credential=AKIATRUTH/20261122/{REGION}/ec2/aws4_request, SignedHeaders=host, Signature=0"
        )
        headers = {"Authorization": scope, "x-moto-account-id": self._account}
        with urlopen(Request(f"{self._moto}/", data=body, headers=headers), timeout=_SECONDS) as answer:
            return ET.fromstring(answer.read())


def _instance(item: ET.Element) -> Instance:
    tags = {_text(tag, "key"): _text(tag, "value") for tag in item.findall("{*}tagSet/{*}item")}
    return Instance(
        id=_text(item, "instanceId"),
        name=tags.get(OWN_TAGS[0], ""),
        state=_text(item, "instanceState/{*}name"),
        tags={key: value for key, value in tags.items() if key not in OWN_TAGS},
        spot=_text(item, "instanceLifecycle") == "spot",
    )


def _text(item: ET.Element, path: str) -> str:
    found = item.find(f"{{*}}{path}")
    return "" if found is None else found.text or ""
