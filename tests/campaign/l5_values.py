"""What each place is changed to: all that a new field wants written by hand. A place without a row is an error.

What the schema itself bounds (types, lengths, numbers, words) is tried everywhere and stands in no row.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from tests.campaign.l5_leaves import Leaf
from tests.crds.schema import MISSING

# A certificate in its frame, and nothing that could be read inside.
BROKEN_PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
NAME = "must be the name of an object"
PORT = "from 1 to 65535"


class Stands(StrEnum):
    """How things stand once a manifest was carried out; l5_stands.py says what that means."""

    USUAL = "usual"
    STOPPED = "stopped"
    DRAINING = "draining"
    NO_SECRET = "no secret"
    UNUSABLE = "unusable"


class NoValues(Exception):
    """A place of the API that nobody has said anything about: give it a row here."""


@dataclass(frozen=True, slots=True)
class To:
    """One value, what must change along with it, and how things stand then.

    `direct` is whether an object that is created with it ends as one that is changed to it.
    """

    value: object
    stands: Stands = Stands.USUAL
    beside: Mapping[str, object] = field(default_factory=dict)
    direct: bool = True


@dataclass(frozen=True, slots=True)
class Bad:
    """One value that a rule refuses, and words of what is said then."""

    value: object
    says: str
    beside: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Row:
    """What one place is changed to.

    Attributes:
        to: values that differ from the base's.
        bad: values that the rules refuse; the schema's own bounds are tried anyway.
        same: other ways to write the base's value.
        unset_says: words of what is said where a rule refuses that it is taken away.
    """

    to: tuple[To, ...]
    bad: tuple[Bad, ...] = ()
    same: tuple[object, ...] = ()
    unset_says: str = ""


def to(*values: object, bad: tuple[Bad, ...] = (), same: tuple[object, ...] = (), unset_says: str = "") -> Row:
    """Return a row; a value that is no To leaves things as they usually stand."""
    return Row(tuple(value if isinstance(value, To) else To(value) for value in values), bad, same, unset_says)


def row_of(leaf: Leaf) -> Row:
    """Return the row of a place. Raises NoValues."""
    found = (INSTANCE if leaf.is_instance else PROVIDER).get(leaf.at)
    if found is None:
        raise NoValues(f"{leaf.id}: say in tests/campaign/l5_values.py what it is changed to")
    return found


_SECRET = {"name": "trainer-secrets", "key": "user-data"}
_ENV = "spec.bootstrap.env.0"
_OTHER_ENV = [{"name": "OTHER", "value": "1"}]

INSTANCE: dict[str, Row] = {
    "spec.providerRef": to({"name": "elsewhere"}),
    "spec.providerRef.kind": to("ClusterComputeProvider"),
    "spec.providerRef.name": to("elsewhere", bad=(Bad("Else_Where", NAME),)),
    "spec.machine": to({"gpu": {"type": "A100"}}, bad=(Bad({}, "say what to buy"),)),
    "spec.machine.instanceType": to("gpu.a100.1"),
    "spec.machine.size": to("small", bad=(Bad("Not small", "must be a name of lower-case letters"),)),
    "spec.machine.cpu": to(
        "16", bad=(Bad("8 cores", "is no quantity"), Bad("0.0001", "write whole cores")), same=(8, "8000m", "8.0")
    ),
    "spec.machine.memory": to(
        "128Gi", bad=(Bad("64GB!", "is no quantity"), Bad("64", "a plain number is bytes")), same=("65536Mi",)
    ),
    "spec.machine.gpu": to({"type": "A100", "count": 1}),
    "spec.machine.gpu.type": to("A100"),
    "spec.machine.gpu.count": to(2),
    "spec.machine.disk": to("300Gi", bad=(Bad("200", "a plain number is bytes"),), same=("204800Mi",)),
    "spec.machine.image": to("registry.example/trainer:other"),
    "spec.machine.region": to("us-west-2"),
    "spec.machine.zone": to("us-east-1b"),
    "spec.machine.purchase": to("Spot"),
    "spec.machine.imagePullSecretRef": to({"name": "other"}),
    "spec.machine.imagePullSecretRef.name": to("other", bad=(Bad("No_Name", NAME),)),
    "spec.machine.ports": to([{"name": "ssh", "port": 2222}]),
    "spec.machine.ports[]": to({"name": "other", "port": 2222}),
    "spec.machine.ports[].name": to("other", bad=(Bad("Not a name", "must be a name of lower-case letters"),)),
    "spec.machine.ports[].port": to(2222),
    "spec.machine.ports[].protocol": to("UDP", "TCP"),
    "spec.machine.maxPricePerHour": to("3.50", bad=(Bad("cheap", "must be a price as text"),)),
    "spec.machine.gateway": to({"metadata": {"orgId": "8"}}),
    "spec.machine.gateway.metadata": to({"orgId": "8"}, bad=(Bad({"": "8"}, "keys are 1 to 253"),)),
    "spec.machine.gateway.metadata{}": to("8"),
    "spec.bootstrap": to({"env": _OTHER_ENV}),
    "spec.bootstrap.env": to(_OTHER_ENV),
    "spec.bootstrap.env[]": to({"name": "RUN_ID", "value": "43"}),
    "spec.bootstrap.env[].name": to(
        "OTHER", bad=(Bad("1A", "begin with no digit"), Bad("GPUWRIGHT_A", "choose another name"))
    ),
    "spec.bootstrap.env[].value": to(
        "43",
        bad=(Bad("43", "keep one of them", {f"{_ENV}.valueFrom": {"secretKeyRef": _SECRET}}),),
    ),
    "spec.bootstrap.env[].valueFrom": to({"secretKeyRef": _SECRET}),
    "spec.bootstrap.env[].valueFrom.secretKeyRef": to(_SECRET),
    "spec.bootstrap.env[].valueFrom.secretKeyRef.name": to("other", bad=(Bad("No_Name", NAME),)),
    "spec.bootstrap.env[].valueFrom.secretKeyRef.key": to("user-data", bad=(Bad("a b", "must be a key"),)),
    "spec.bootstrap.sshAuthorizedKeys": to(["ssh-ed25519 AAAAother"]),
    "spec.bootstrap.sshAuthorizedKeys[]": to(
        "ssh-ed25519 AAAAother",
        bad=(
            Bad("-----BEGIN OPENSSH PRIVATE KEY-----", "looks like a private key"),
            Bad("ssh-ed25519 AAAAother\n", "must be one line"),
            Bad("AAAAother", "must be a public key"),
        ),
    ),
    "spec.bootstrap.userData": to("#!/bin/sh\necho other\n"),
    "spec.bootstrap.userDataSecretRef": to(
        {"name": "trainer-secrets", "key": "token"},
        bad=(Bad(_SECRET, "keep one of them", {"spec.bootstrap.userData": "#!/bin/sh\n"}),),
    ),
    "spec.bootstrap.userDataSecretRef.name": to("other", bad=(Bad("No_Name", NAME),)),
    "spec.bootstrap.userDataSecretRef.key": to("token", bad=(Bad("a b", "must be a key"),)),
    "spec.powerState": to(To("Stopped", Stands.STOPPED, direct=False)),  # at creation it buys nothing
    "spec.createPolicy": to({"maxAttempts": 1, "retryBaseDelayMilliseconds": 0}, {}),
    "spec.createPolicy.maxAttempts": to(1, 10),
    "spec.createPolicy.retryBaseDelayMilliseconds": to(0, 10_000),
    "spec.deadlines": to({"capacitySeconds": 1, "launchSeconds": 60}, {}),
    "spec.deadlines.capacitySeconds": to(1),
    # The deadline of a machine that runs is over, so not even the shortest may end it; one on its way up it may.
    "spec.deadlines.launchSeconds": to(To(1, direct=False), 0),
    "spec.onLoss": to("Fail"),
    "spec.maxReplacements": to(0, 1000),
    "spec.expireAfterSeconds": to(172_800, 0),
    "spec.deletionPolicy": to("Retain"),
    "spec.tags": to({"team": "speech"}, bad=(Bad({"gpuwright.dev/owner": "me"}, "choose another"),)),
    "spec.tags{}": to("speech"),
}
"""The places of a ComputeInstance's spec."""

_ALLOWED = "spec.allowedNamespaces"
_EXPRESSIONS = f"{_ALLOWED}.selector.matchExpressions"
_VALUES = f"{_EXPRESSIONS}.0.values"
_NEED_VALUES = "In and NotIn need values"
_SETTLES = "settleSeconds must be more than"

PROVIDER: dict[str, Row] = {
    "spec.type": Row(()),  # it cannot be changed; an unknown word is tried
    "spec.gateway": to(
        {"endpoint": "https://gateway.example:8443", "credentialsSecretRef": {"name": "spare-token", "key": "other"}},
        unset_says="belong together",
    ),
    "spec.gateway.endpoint": to(
        "http://127.0.0.1:1",
        bad=(
            Bad("ftp://127.0.0.1", "must begin with https:// or http://"),
            Bad("https://me@gateway.example", "leave out '@'"),
            Bad("https://gateway.example:65536", PORT),
        ),
    ),
    "spec.gateway.credentialsSecretRef": to(
        {"name": "spare-token", "key": "other"}, To({"name": "nowhere", "key": "token"}, Stands.NO_SECRET)
    ),
    "spec.gateway.credentialsSecretRef.name": to(
        "spare-token", To("nowhere", Stands.NO_SECRET), bad=(Bad("No_Name", NAME),)
    ),
    "spec.gateway.credentialsSecretRef.key": to(
        "other", To("nothing", Stands.NO_SECRET), bad=(Bad("a b", "must be a key"),)
    ),
    "spec.gateway.caBundle": to(
        "",
        To(BROKEN_PEM, Stands.UNUSABLE),
        bad=(Bad("LS0tLS1CRUdJTg==", "not base64"), Bad("-----BEGIN CERTIFICATE-----\nAAAA", "stops before")),
    ),
    "spec.gateway.idempotencyKeys": to(True),
    "spec.gateway.dialect": to("CreateOnly"),
    "spec.gateway.outcomes": to({"502": "NotCommitted"}, {}, bad=(Bad({"404": "Unknown"}, "from 500 to 599"),)),
    "spec.gateway.outcomes{}": to("Unknown"),
    "spec.draining": to(To(True, Stands.DRAINING)),
    "spec.limits": to({"maxInstances": 0}, {}),
    "spec.limits.maxInstances": to(0, 1),
    "spec.limits.createsPerMinute": to(1),
    "spec.limits.maxInFlight": to(1),
    "spec.timeouts": to({"connectSeconds": 1, "requestSeconds": 2}, {}),
    "spec.timeouts.connectSeconds": to(1),
    "spec.timeouts.requestSeconds": to(2, bad=(Bad(60, _SETTLES),)),
    "spec.probe": to({"periodSeconds": 5, "failureThreshold": 1}, {}),
    "spec.probe.periodSeconds": to(5),
    "spec.probe.failureThreshold": to(1),
    "spec.poll": to({"periodSeconds": 1}, {}),
    "spec.poll.periodSeconds": to(1),
    "spec.settleSeconds": to(120, bad=(Bad(30, _SETTLES),)),
    # Nothing that has its machine feels a change of what is bought after it.
    "spec.sizes": to([], [{"name": "small", "cpu": "4", "memory": "16Gi"}]),
    "spec.sizes[]": to({"name": "large", "instanceType": "gpu.h100.2"}),
    "spec.sizes[].name": to("larger", bad=(Bad("Not large", "must be a name of lower-case letters"),)),
    "spec.sizes[].instanceType": to("gpu.h100.2"),
    "spec.sizes[].cpu": to(
        "16", bad=(Bad("8 cores", "is no quantity"),), same=("8000m",), unset_says="cpu and memory stand together"
    ),
    "spec.sizes[].memory": to(
        "128Gi", bad=(Bad("64", "a plain number is bytes"),), same=("65536Mi",), unset_says="stand together"
    ),
    "spec.sizes[].gpu": to({"type": "A100", "count": 1}),
    "spec.sizes[].gpu.type": to("A100"),
    "spec.sizes[].gpu.count": to(2),
    "spec.sizes[].pricePerHour": to("3.00", bad=(Bad("dear", "must be a price as text"),)),
    "spec.sweep": to({"mode": "Delete", "periodSeconds": 1, "minAgeSeconds": 1, "maxPerPass": 20}, {}),
    # The sweep that may end machines ends none that has an owner.
    "spec.sweep.mode": to("Delete", "Disabled"),
    "spec.sweep.periodSeconds": to(1),
    "spec.sweep.minAgeSeconds": to(60),
    "spec.sweep.maxPerPass": to(1),
    _ALLOWED: to({}, {"selector": {}}),
    f"{_ALLOWED}.names": to([], ["elsewhere"]),
    f"{_ALLOWED}.names[]": to("elsewhere", bad=(Bad("Else_Where", NAME),)),
    f"{_ALLOWED}.selector": to({}, {"matchLabels": {"gpu": "false"}}),
    f"{_ALLOWED}.selector.matchLabels": to({}, {"team": "vision"}, bad=(Bad({"-": "a"}, "keys are those of labels"),)),
    f"{_ALLOWED}.selector.matchLabels{{}}": to("false", bad=(Bad("no label!", "must be a label's value"),)),
    _EXPRESSIONS: to([], [{"key": "team", "operator": "DoesNotExist"}]),
    f"{_EXPRESSIONS}[]": to({"key": "team", "operator": "Exists"}),
    f"{_EXPRESSIONS}[].key": to("team", bad=(Bad("no key!", "must be a label's key"),)),
    f"{_EXPRESSIONS}[].operator": to(
        "NotIn", To("Exists", beside={_VALUES: MISSING}), bad=(Bad("Exists", "take none"),)
    ),
    f"{_EXPRESSIONS}[].values": to(["staging"], bad=(Bad([], _NEED_VALUES),), unset_says=_NEED_VALUES),
    f"{_EXPRESSIONS}[].values[]": to("staging", bad=(Bad("no label!", "must be a label's value"),)),
    "spec.adoption": to("Allowed"),
}
"""The places of a provider's spec, of either kind."""
