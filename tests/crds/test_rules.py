"""Every CEL rule of spec: one manifest that keeps it and one that breaks it, created and changed, with the sentence."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import pytest
from tests.crds.schema import (
    BASES,
    CLUSTER_PROVIDERS,
    INSTANCES,
    MISSING,
    Manifest,
    Node,
    changed,
    every_place,
)
from tests.crds.server import Answer, Server

from gpuwright.model import (
    ec2_spec,
    instance_spec,
    machine_spec,
    port_spec,
    provider_spec,
    runpod_spec,
    skypilot_spec,
    ssh_key_spec,
)

FULL, TYPED, PROVIDER = "trainer-full", "trainer-typed", "shared-gateway"
EC2_MACHINE, EC2 = "trainer-ec2", "shared-ec2"
SKY_MACHINE, SKY = "trainer-skypilot", "shared-skypilot"
LONG_TAIL = "trainer-long-tail"
POD, RUNPOD = "trainer-runpod", "shared-runpod"
FINAL = (
    instance_spec.PROVIDER_IS_FINAL,
    machine_spec.MACHINE_IS_FINAL,
    instance_spec.BOOTSTRAP_IS_FINAL,
    instance_spec.TAGS_ARE_FINAL,
    instance_spec.PLACEMENTS_ARE_FINAL,
    provider_spec.TYPE_IS_FINAL,
    provider_spec.ENDPOINT_IS_FINAL,
    ec2_spec.REGION_IS_FINAL,
)

Changes = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Case:
    """One rule: where it stands, what keeps it, what breaks it, and what the user then reads."""

    at: str
    base: str
    good: Changes
    bad: Changes
    sentence: str

    def __str__(self) -> str:
        """Return the test's id."""
        return f"{self.at} {', '.join(f'{way}={str(value)[:20]}' for way, value in self.bad.items())}"


@dataclass(frozen=True, slots=True)
class Change:
    """One rule about changes: what may be changed after all, and what may not."""

    at: str
    base: str
    bad: Changes
    sentence: str
    good: Changes = field(default_factory=dict)

    def __str__(self) -> str:
        """Return the test's id."""
        return f"{self.at} {', '.join(f'{way}={str(value)[:20]}' for way, value in self.bad.items())}"


NAME = "must be the name of an object: lower-case letters, digits, '-' and '.', such as gateway-token"
KEY = "must be a key of the Secret's data: letters, digits, '-', '_' and '.', such as token"
CORES = "write whole cores such as 8, or thousandths of a core such as 500m"
BYTES = "a plain number is bytes, so write 64Gi and not 64"
DISK_BYTES = "a plain number is bytes, so write 200Gi and not 200"
LABEL_KEY = "must be a label's key, such as gpu or team.example/gpu"
LABEL_VALUE = 'must be a label\'s value: letters, digits, "-", "_" and ".", at most 63'
SELECTOR = "spec.allowedNamespaces.selector"
ENV = "spec.bootstrap.env"
HOST = "must name a host, and a port from 1 to 65535 if any, such as https://gateway.example:8443"
NO_SECRETS = (
    "leave out '@', '?' and '#': the token stands in the Secret of credentialsSecretRef, and paths are added here"
)
SCHEME = "must begin with https:// or http://, such as https://gateway.example:8443"
SETTLE = (
    "settleSeconds must be more than timeouts.requestSeconds, because a call that still waits can still make a "
    "machine: write a larger settleSeconds or a smaller timeouts.requestSeconds"
)


def invalid(path: str, shown: str, sentence: str) -> str:
    """Return the line of a refusal as kubectl prints it; of a block or map the server shows no value."""
    return f"{path}: Invalid value: {shown}{': ' if shown else ''}{sentence}"


def quantity(field: str, value: object, shown: str, sentence: str, good: object) -> Case:
    """Return a case about one amount of machine."""
    at = f"spec.machine.{field}"
    return Case(at, FULL, {at: good}, {at: value}, invalid(at, shown, sentence))


def text(at: str, base: str, way: str, good: object, bad: str, sentence: str) -> Case:
    """Return a case about one text; `way` has list positions as numbers."""
    path = re.sub(r"\.(\d+|(?<=matchLabels\.)\w+)", r"[\1]", way)
    return Case(at, base, {way: good}, {way: bad}, invalid(path, f'"{bad}"', sentence))


def settled(base: str, good: Changes, bad: Changes, sentence: str) -> Case:
    """Return a case about how long a provider takes to settle."""
    return Case("spec", base, good, bad, invalid("spec.settleSeconds", "", sentence))


def beside_its_type(kind: str, block: object) -> Case:
    """Return a case about the block of a provider's type: there with the type, and absent with every other."""
    way = f"spec.{kind.lower()}"
    sentence = f"the block {kind.lower()} and type {kind} belong together: write both, or neither"
    return Case("spec", PROVIDER, {"spec.draining": True}, {way: block}, invalid(way, "", sentence))


CASES: tuple[Case, ...] = (
    Case(
        "spec.machine",
        TYPED,
        {"spec.machine.instanceType": "a"},
        {"spec.machine.instanceType": ""},
        invalid("spec.machine", "", "say what to buy: instanceType, or size, or gpu, or cpu with memory"),
    ),
    Case(
        "spec.machine",
        TYPED,
        {"spec.machine.instanceType": MISSING, "spec.machine.gpu": {"type": "H100"}},
        {"spec.machine.instanceType": MISSING},
        invalid("spec.machine", "", "say what to buy: instanceType, or size, or gpu, or cpu with memory"),
    ),
    Case(
        "spec.machine",
        FULL,
        {"spec.machine.instanceType": "", "spec.machine.cpu": 4},
        {"spec.machine.instanceType": "gpu.h100.1"},
        invalid("spec.machine", "", "instanceType stands beside cpu or memory: keep one way of saying what to buy"),
    ),
    Case(
        "spec.machine",
        FULL,
        {"spec.machine.cpu": "", "spec.machine.memory": ""},
        {"spec.machine.memory": ""},
        invalid("spec.machine", "", "cpu is given without memory: add memory, such as 16Gi"),
    ),
    Case(
        "spec.machine",
        FULL,
        {"spec.machine.cpu": MISSING, "spec.machine.memory": MISSING},
        {"spec.machine.cpu": MISSING},
        invalid("spec.machine", "", 'memory is given without cpu: add cpu, such as "4"'),
    ),
    quantity("cpu", "eight", '"eight"', '"eight" is no quantity: write for example 8 or 500m', "8"),
    quantity("cpu", 0, "0", f"must be between 1m and 10k, but 0 was given: {CORES}", "1m"),
    quantity("cpu", 10001, "10001", f"must be between 1m and 10k, but 10001 was given: {CORES}", 10000),
    quantity("memory", "64GB", '"64GB"', '"64GB" is no quantity: write for example 64Gi', "64G"),
    quantity("memory", 64, "64", f"must be between 64Mi and 64Ti, but 64 was given: {BYTES}", "64Mi"),
    quantity("memory", "65Ti", '"65Ti"', f"must be between 64Mi and 64Ti, but 65Ti was given: {BYTES}", "64Ti"),
    quantity("disk", "200 GiB", '"200 GiB"', '"200 GiB" is no quantity: write for example 200Gi', "2e11"),
    quantity("disk", 200, "200", f"must be between 1Gi and 1Pi, but 200 was given: {DISK_BYTES}", "1Gi"),
    quantity("disk", "2Pi", '"2Pi"', f"must be between 1Gi and 1Pi, but 2Pi was given: {DISK_BYTES}", "1Pi"),
    Case(
        "spec.machine.gateway.metadata",
        FULL,
        {"spec.machine.gateway.metadata": {"a" * 253: ""}},
        {"spec.machine.gateway.metadata": {"": "7"}},
        invalid("spec.machine.gateway.metadata", "", "keys are 1 to 253 characters long, such as orgId"),
    ),
    Case(
        "spec.bootstrap",
        FULL,
        {"spec.bootstrap.userDataSecretRef": {"name": "a", "key": "b"}, "spec.bootstrap.userData": ""},
        {"spec.bootstrap.userDataSecretRef": {"name": "a", "key": "b"}},
        invalid("spec.bootstrap", "", "userData and userDataSecretRef are given: keep one of them"),
    ),
    Case(
        f"{ENV}[]",
        FULL,
        {f"{ENV}.1.value": ""},
        {f"{ENV}.1.value": "a"},
        invalid(f"{ENV}[1]", "", "value and valueFrom are given: keep one of them"),
    ),
    text(
        f"{ENV}[].name",
        FULL,
        f"{ENV}.0.name",
        "_a9",
        "9A",
        "must be letters, digits and '_', and begin with no digit, such as RUN_ID",
    ),
    text(
        f"{ENV}[].name",
        FULL,
        f"{ENV}.0.name",
        "GPUWRIGHT",
        "GPUWRIGHT_OWNER",
        "names that begin with GPUWRIGHT_ are set by the operator: choose another name",
    ),
    text(
        f"{ENV}[].value",
        FULL,
        f"{ENV}.0.value",
        "é" * 4096,
        "é" * 4097,
        "must be at most 8192 bytes: put what is larger where the machine can fetch it",
    ),
    text(
        "spec.bootstrap.userData",
        FULL,
        "spec.bootstrap.userData",
        "é" * 8192,
        "é" * 8193,
        "must be at most 16384 bytes: let the script fetch the rest",
    ),
    Case(
        "spec.tags",
        FULL,
        {"spec.tags": {"a" * 128: ""}},
        {"spec.tags": {"": "vision"}},
        invalid("spec.tags", "", "keys are 1 to 128 characters long, such as team"),
    ),
    Case(
        "spec.tags",
        FULL,
        {"spec.tags": {"gpuwright": "a", "x/gpuwright.dev/owner": "b"}},
        {"spec.tags": {"gpuwright.dev/owner-uid": "mine"}},
        invalid(
            "spec.tags",
            "",
            "keys that begin with gpuwright.dev/ say whose the machine is, and belong to the operator: choose another",
        ),
    ),
    Case(
        "spec.gateway.outcomes",
        PROVIDER,
        {"spec.gateway.outcomes": {"599": "Unknown"}},
        {"spec.gateway.outcomes": {"429": "Unknown"}},
        invalid("spec.gateway.outcomes", "", 'keys are status codes from 500 to 599, such as "503"'),
    ),
    settled(PROVIDER, {"spec.settleSeconds": 31}, {"spec.settleSeconds": 30}, SETTLE),
    settled(PROVIDER, {"spec.timeouts": {"requestSeconds": 59}}, {"spec.timeouts": {"requestSeconds": 60}}, SETTLE),
    Case(
        f"{SELECTOR}.matchLabels",
        PROVIDER,
        {f"{SELECTOR}.matchLabels": {"team.example/gpu": ""}},
        {f"{SELECTOR}.matchLabels": {"a b": ""}},
        invalid(f"{SELECTOR}.matchLabels", "", "keys are those of labels, such as gpu or team.example/gpu"),
    ),
    text(f"{SELECTOR}.matchLabels{{}}", PROVIDER, f"{SELECTOR}.matchLabels.gpu", "", "a b", LABEL_VALUE),
    Case(
        f"{SELECTOR}.matchExpressions[]",
        PROVIDER,
        {f"{SELECTOR}.matchExpressions.0": {"key": "a", "operator": "NotIn", "values": [""]}},
        {f"{SELECTOR}.matchExpressions.0": {"key": "a", "operator": "In"}},
        invalid(f"{SELECTOR}.matchExpressions[0]", "", "In and NotIn need values, Exists and DoesNotExist take none"),
    ),
    Case(
        f"{SELECTOR}.matchExpressions[]",
        PROVIDER,
        {f"{SELECTOR}.matchExpressions.0": {"key": "a", "operator": "Exists", "values": []}},
        {f"{SELECTOR}.matchExpressions.0": {"key": "a", "operator": "Exists", "values": ["b"]}},
        invalid(f"{SELECTOR}.matchExpressions[0]", "", "In and NotIn need values, Exists and DoesNotExist take none"),
    ),
    text(
        f"{SELECTOR}.matchExpressions[].key", PROVIDER, f"{SELECTOR}.matchExpressions.0.key", "a/b", "a/b/c", LABEL_KEY
    ),
    text(
        f"{SELECTOR}.matchExpressions[].values[]",
        PROVIDER,
        f"{SELECTOR}.matchExpressions.0.values.0",
        "A_9",
        "_",
        LABEL_VALUE,
    ),
)

REGION = "must be the name of a region, such as us-east-1, not of a zone such as us-east-1a"
SUBNET = "must be the id of a subnet, such as subnet-0a1b2c3d4e5f60718"
GROUP = "must be the id of a security group, such as sg-0a1b2c3d4e5f60718"
VPCE = "must be a URL with a host and no '@', '?' or '#', such as https://vpce-0a1b.ec2.us-east-1.vpce.amazonaws.com"
BLOCK = {"region": "us-east-1", "credentialsSecretRef": {"name": "aws", "key": "credentials"}}

EC2_CASES = (
    beside_its_type("Gateway", MISSING),
    beside_its_type("EC2", BLOCK),
    settled(EC2, {"spec.settleSeconds": 300}, {"spec.settleSeconds": 299}, ec2_spec.SETTLES_SLOWLY),
    text("spec.ec2.region", EC2, "spec.ec2.region", "us-east-1", "us-east-1a", REGION),
    text("spec.ec2.region", EC2, "spec.ec2.region", "us-gov-west-1", "", REGION),
)
CASES += EC2_CASES
SIZED = "sized-0"
SIZE_NAME = "must be a name of lower-case letters, digits and '-', such as large"
SIZE_ALONE = (
    "size stands beside instanceType, gpu, cpu or memory, which it stands for: keep one way of saying what to buy"
)
CHEAPEST = "trainer-cheapest"
PRICE = 'must be a price as text, such as "2.10"'
TOGETHER = "cpu and memory stand together: write both, or neither"


def sized(field: str, good: object, bad: object, sentence: str) -> Case:
    """Return a case about one word of a provider's first size."""
    shown = bad if isinstance(bad, int) else f'"{bad}"'
    at, way = f"spec.sizes[].{field}", f"spec.sizes.0.{field}"
    return Case(at, PROVIDER, {way: good}, {way: bad}, invalid(f"spec.sizes[0].{field}", str(shown), sentence))


CASES += (
    Case(
        "spec.machine",
        SIZED,
        {},
        {"spec.machine.gpu": {"type": "H100"}},
        invalid("spec.machine", "", SIZE_ALONE),
    ),
    text("spec.machine.size", SIZED, "spec.machine.size", "h100-8", "Large size", SIZE_NAME),
    text("spec.machine.maxPricePerHour", SIZED, "spec.machine.maxPricePerHour", "", "3 USD", PRICE),
    text(
        "spec.placements[].maxPricePerHour", CHEAPEST, "spec.placements.1.maxPricePerHour", "0.000000001", "-1", PRICE
    ),
    Case(
        "spec",
        FULL,
        {},
        {"spec.placementOrder": "Listed"},
        invalid("spec.placementOrder", "", instance_spec.ORDER_OF_SEVERAL),
    ),
    text("spec.sizes[].name", PROVIDER, "spec.sizes.0.name", "h100-8", "Large size", SIZE_NAME),
    Case(
        "spec.sizes[]",
        PROVIDER,
        {"spec.sizes": [{"name": "a", "gpu": {"type": "H100"}}]},
        {"spec.sizes": [{"name": "a", "pricePerHour": "1"}]},
        invalid("spec.sizes[0]", "", "say what this size is: instanceType, or gpu, or cpu with memory"),
    ),
    Case(
        "spec.sizes[]",
        PROVIDER,
        {"spec.sizes.0.cpu": MISSING, "spec.sizes.0.memory": MISSING},
        {"spec.sizes.0.cpu": MISSING},
        invalid("spec.sizes[0]", "", TOGETHER),
    ),
    sized("cpu", "500m", "eight", '"eight" is no quantity: write for example 8 or 500m'),
    sized("cpu", "10k", 10001, f"must be between 1m and 10k, but 10001 was given: {CORES}"),
    sized("memory", "64G", "64GB", '"64GB" is no quantity: write for example 64Gi'),
    sized("memory", "64Mi", 64, f"must be between 64Mi and 64Ti, but 64 was given: {BYTES}"),
    sized("pricePerHour", "2", "2,10", PRICE),
    sized("pricePerHour", "0.000000001", "-1", PRICE),
)
ANYWHERE = "trainer-anywhere"
CASES += (
    Case(
        "spec",
        FULL,
        {},
        {"spec.placements": [{"providerRef": {"name": "a"}}]},
        invalid("spec", "", instance_spec.ONE_OR_SEVERAL),
    ),
    Case("spec", ANYWHERE, {}, {"spec.placements": MISSING}, invalid("spec", "", instance_spec.ONE_OR_SEVERAL)),
)

CLOUD = "must be SkyPilot's word for a cloud in lower case, such as aws"
BASE64 = "caBundle is the PEM text itself, not base64 of it: it begins with -----BEGIN CERTIFICATE-----"
WHOLE = "-----BEGIN CERTIFICATE----------END CERTIFICATE-----"
CUT_OFF = "caBundle stops before -----END CERTIFICATE-----: give the whole PEM text"


@dataclass(frozen=True, slots=True)
class Shape:
    """What fields of one shape have in common.

    Attributes:
        tries: what keeps the rule, what breaks it, and the sentence then.
        fields: the base that has the field, and the way there.
    """

    tries: tuple[tuple[str, str, str], ...]
    fields: tuple[tuple[str, str], ...]

    def cases(self) -> Iterator[Case]:
        """Yield each try at each field."""
        for base, way in self.fields:
            at = re.sub(r"\.\d+", "[]", way)
            yield from (text(at, base, way, good, bad, sentence) for good, bad, sentence in self.tries)


PULL_SECRET = "spec.machine.imagePullSecretRef"
SECRET_REFERENCES = (
    (FULL, f"{ENV}.1.valueFrom.secretKeyRef"),
    (TYPED, "spec.bootstrap.userDataSecretRef"),
    (PROVIDER, "spec.gateway.credentialsSecretRef"),
    (EC2, "spec.ec2.credentialsSecretRef"),
    (SKY, "spec.skypilot.credentialsSecretRef"),
    (RUNPOD, "spec.runpod.credentialsSecretRef"),
)
OBJECT_NAMES = Shape(
    (
        ("a.b-c", "Gateway", NAME),
        ("9", "", NAME),
        ("a", "a/../b", NAME),
        ("a", "a_b", NAME),
        ("a.b", "a..b", NAME),
        ("a", "-a", NAME),
    ),
    (
        (FULL, "spec.providerRef.name"),
        (FULL, f"{PULL_SECRET}.name"),
        (ANYWHERE, "spec.placements.0.providerRef.name"),
        (PROVIDER, "spec.allowedNamespaces.names.0"),
        *((base, f"{way}.name") for base, way in SECRET_REFERENCES),
    ),
)
SECRET_KEYS = Shape(
    ((".a_B-9", "a/b", KEY), ("a", "", KEY), ("a", "a b", KEY)),
    tuple((base, f"{way}.key") for base, way in SECRET_REFERENCES),
)
ENDPOINTS = Shape(
    (
        ("http://a", "ftp://gateway.example", SCHEME),
        ("https://[::1]:1", "gateway.example:8443", SCHEME),
        ("https://a.b:65535/c/", "https://me:secret@gateway.example", NO_SECRETS),
        ("https://10.0.0.7", "https://gateway.example/?token=secret", NO_SECRETS),
        ("https://a-b", "https://", HOST),
        ("https://a:1", "https://gateway.example:65536", HOST),
        ("https://a/b%20c", "https://gateway.example/a b", HOST),
    ),
    ((PROVIDER, "spec.gateway.endpoint"), (SKY, "spec.skypilot.endpoint"), (RUNPOD, "spec.runpod.endpoint")),
)
CA_BUNDLES = Shape(
    (("", "LS0tLS1CRUdJTg==", BASE64), (WHOLE, "-----BEGIN CERTIFICATE-----", CUT_OFF)),
    ((PROVIDER, "spec.gateway.caBundle"), (SKY, "spec.skypilot.caBundle")),
)
AWS_ENDPOINTS = Shape(
    (("https://a:8443", "a.example", VPCE), ("", "https://me@a.example", VPCE)),
    ((EC2, "spec.ec2.endpoint"), (EC2, "spec.ec2.stsEndpoint")),
)
SUBNETS = Shape(
    (("", "vpc-0a1b2c3d", SUBNET), ("subnet-0a1b2c3d", "subnet-1", SUBNET)),
    ((EC2, "spec.ec2.defaults.subnetId"), (EC2_MACHINE, "spec.machine.ec2.subnetId")),
)
SECURITY_GROUPS = Shape(
    (("sg-0a1b2c3d", "ops", GROUP), ("sg-0a1b2c3d", "", GROUP)),
    ((EC2, "spec.ec2.defaults.securityGroupIds.0"), (EC2_MACHINE, "spec.machine.ec2.securityGroupIds.0")),
)
CLOUDS = Shape(
    (("aws", "AWS", CLOUD), ("", "aws/us-east-1", CLOUD)),
    ((SKY, "spec.skypilot.cloud"), (SKY_MACHINE, "spec.machine.skypilot.cloud")),
)
SHAPES = (OBJECT_NAMES, SECRET_KEYS, ENDPOINTS, CA_BUNDLES, AWS_ENDPOINTS, SUBNETS, SECURITY_GROUPS, CLOUDS)
CASES += tuple(case for shape in SHAPES for case in shape.cases())


def placed(case: Case) -> Case | None:
    """Return the case about the same word of a placement, where placements have it."""
    words = {
        "spec.machine.disk": (ANYWHERE, 2),
        "spec.machine.ec2": (ANYWHERE, 2),
        "spec.machine.gateway": (ANYWHERE, 0),
        "spec.machine.runpod": (LONG_TAIL, 0),
        "spec.machine.skypilot": (LONG_TAIL, 2),
    }
    base, number = next((found for word, found in words.items() if f"{case.at}.".startswith(f"{word}.")), ("", 0))
    if not base:
        return None

    def moved(changes: Changes) -> Changes:
        return {way.replace("spec.machine.", f"spec.placements.{number}."): value for way, value in changes.items()}

    at = case.at.replace("spec.machine.", "spec.placements[].")
    sentence = case.sentence.replace("spec.machine.", f"spec.placements[{number}].")
    return Case(at, base, moved(case.good), moved(case.bad), sentence)


SKY_BLOCK = {"endpoint": "https://skypilot.example", "credentialsSecretRef": {"name": "skypilot", "key": "token"}}
SKY_CASES = (
    beside_its_type("SkyPilot", SKY_BLOCK),
    settled(SKY, {"spec.settleSeconds": 600}, {"spec.settleSeconds": 599}, skypilot_spec.SETTLES_SLOWLY),
)
CASES += SKY_CASES


PATH = "must be a path inside the container that begins with '/', such as /workspace"
VERSION = "must be a version with one point, such as 12.8"
POD_BYTES = "RunPod makes none below 10Gi; a plain number is bytes"
RUNPOD_BLOCK = {"credentialsSecretRef": {"name": "runpod", "key": "apiKey"}}

RUNPOD_CASES = (
    beside_its_type("RunPod", RUNPOD_BLOCK),
    settled(RUNPOD, {"spec.settleSeconds": 100}, {"spec.settleSeconds": 99}, runpod_spec.SETTLES_SLOWLY),
    Case(
        "spec.machine.runpod",
        POD,
        {"spec.machine.runpod.networkVolumeId": ""},
        {"spec.machine.runpod.networkVolumeId": "agv6w2qcg7"},
        invalid(
            "spec.machine.runpod",
            "",
            "networkVolumeId and volume are given: RunPod mounts one of them, so keep one",
        ),
    ),
    text("spec.machine.runpod.volumePath", POD, "spec.machine.runpod.volumePath", "/", "data", PATH),
    text("spec.machine.runpod.minCudaVersion", POD, "spec.machine.runpod.minCudaVersion", "", "12", VERSION),
    Case(
        "spec.machine.runpod.volume",
        POD,
        {"spec.machine.runpod.volume": "10Gi"},
        {"spec.machine.runpod.volume": "9Gi"},
        invalid(
            "spec.machine.runpod.volume",
            '"9Gi"',
            f"must be between 10Gi and 1Pi, but 9Gi was given: {POD_BYTES}",
        ),
    ),
    Case(
        "spec.machine.runpod.volume",
        POD,
        {"spec.machine.runpod.volume": ""},
        {"spec.machine.runpod.volume": "big"},
        invalid("spec.machine.runpod.volume", '"big"', '"big" is no quantity: write for example 20Gi'),
    ),
)
CASES += RUNPOD_CASES
CASES += tuple(found for case in CASES if (found := placed(case)) is not None)


PORT_NAME = "must be a name of lower-case letters, digits and '-', such as ssh"
SAME_PORT = {"name": "again", "port": 22}
PORT_CASES = (
    text("spec.machine.ports[].name", FULL, "spec.machine.ports.0.name", "s-9", "SSH", PORT_NAME),
    text("spec.machine.ports[].name", FULL, "spec.machine.ports.0.name", "9", "", PORT_NAME),
    Case(
        "spec.machine.ports",
        FULL,
        {"spec.machine.ports.1": {**SAME_PORT, "protocol": "UDP"}},
        {"spec.machine.ports.1": SAME_PORT},
        invalid("spec.machine.ports", "", port_spec.TWICE),
    ),
    Case(
        "spec.machine.ports",
        FULL,
        {"spec.machine.ports.1": {**SAME_PORT, "port": 23, "protocol": "TCP"}},
        {"spec.machine.ports.1": {**SAME_PORT, "protocol": "TCP"}},
        invalid("spec.machine.ports", "", port_spec.TWICE),
    ),
)
CASES += PORT_CASES

KEY_AT, KEY_WAY = "spec.bootstrap.sshAuthorizedKeys[]", "spec.bootstrap.sshAuthorizedKeys.0"
SSH_KEY, OTHER_KEY = "ssh-rsa AAAAB3Nza, é", "sk-ssh-ed25519@openssh.com AAAAGnNr"
PRIVATE_KEY = "-----BEGIN OPENSSH PRIVATE KEY----- b3BlbnNzaC1r"
KEY_CASES = (
    text(KEY_AT, FULL, KEY_WAY, SSH_KEY, PRIVATE_KEY, ssh_key_spec.PRIVATE),
    text(KEY_AT, FULL, KEY_WAY, SSH_KEY, "PuTTY-User-Key-File-3: ssh-ed25519", ssh_key_spec.PRIVATE),
    Case(
        KEY_AT,
        FULL,
        {KEY_WAY: OTHER_KEY},
        {KEY_WAY: f"{SSH_KEY}\n"},
        invalid("spec.bootstrap.sshAuthorizedKeys[0]", f'"{SSH_KEY}\\n"', ssh_key_spec.NOT_ONE_LINE),
    ),
    text(KEY_AT, FULL, KEY_WAY, "ssh-ed25519 AAAA", "ssh-ed25520 AAAA", ssh_key_spec.NOT_PUBLIC),
    text(KEY_AT, FULL, KEY_WAY, "ssh-ed25519  AAAA me", "restrict ssh-ed25519 AAAA", ssh_key_spec.NOT_PUBLIC),
    text(KEY_AT, FULL, KEY_WAY, "ecdsa-sha2-nistp256 AAAA", "me@example", ssh_key_spec.NOT_PUBLIC),
)
CASES += KEY_CASES


def final(at: str, base: str, bad: Changes, message: str, *, same: object = None) -> Change:
    """Return a case about a field that does not change; `same` may be written there instead, as it means the same."""
    return Change(at, base, bad, f"{at}: Forbidden: {message}", {} if same is None else {at: same})


MACHINE = machine_spec.MACHINE_IS_FINAL
BOOTSTRAP = instance_spec.BOOTSTRAP_IS_FINAL

CHANGES = (
    final("spec.providerRef", FULL, {"spec.providerRef.name": "other"}, instance_spec.PROVIDER_IS_FINAL),
    final(
        "spec.providerRef", FULL, {"spec.providerRef.kind": "ClusterComputeProvider"}, instance_spec.PROVIDER_IS_FINAL
    ),
    final("spec.machine.instanceType", TYPED, {"spec.machine.instanceType": "other"}, MACHINE),
    final("spec.machine.instanceType", FULL, {"spec.machine.instanceType": "other"}, MACHINE, same=""),
    final("spec.machine.cpu", FULL, {"spec.machine.cpu": "9"}, MACHINE, same="8000m"),
    final("spec.machine.cpu", FULL, {"spec.machine.cpu": MISSING}, MACHINE, same=8),
    final("spec.machine.memory", FULL, {"spec.machine.memory": "64G"}, MACHINE, same="65536Mi"),
    final("spec.machine.memory", FULL, {"spec.machine.memory": "eight"}, MACHINE, same=68719476736),
    final("spec.machine.gpu", FULL, {"spec.machine.gpu.count": 2}, MACHINE, same={"type": "H100"}),
    final("spec.machine.gpu", FULL, {"spec.machine.gpu": MISSING}, MACHINE),
    final("spec.machine.gpu", TYPED, {"spec.machine.gpu": {"type": "H100"}}, MACHINE),
    final("spec.machine.disk", FULL, {"spec.machine.disk": "201Gi"}, MACHINE, same="204800Mi"),
    final("spec.machine.disk", TYPED, {"spec.machine.disk": "200Gi"}, MACHINE, same=""),
    final("spec.machine.image", FULL, {"spec.machine.image": "other"}, MACHINE),
    final("spec.machine.region", FULL, {"spec.machine.region": ""}, MACHINE),
    final("spec.machine.region", TYPED, {"spec.machine.region": "us-east-1"}, MACHINE, same=""),
    final("spec.machine.zone", FULL, {"spec.machine.zone": MISSING}, MACHINE),
    final("spec.machine.purchase", FULL, {"spec.machine.purchase": "Spot"}, MACHINE),
    final("spec.machine.ports", FULL, {"spec.machine.ports.0.port": 2222}, MACHINE),
    final("spec.machine.ports", FULL, {"spec.machine.ports": MISSING}, MACHINE),
    final("spec.machine.ports", TYPED, {"spec.machine.ports": [{"name": "ssh", "port": 22}]}, MACHINE),
    final(PULL_SECRET, FULL, {f"{PULL_SECRET}.name": "other"}, MACHINE),
    final(PULL_SECRET, FULL, {PULL_SECRET: MISSING}, MACHINE),
    final(PULL_SECRET, TYPED, {PULL_SECRET: {"name": "registry"}}, MACHINE),
    final("spec.machine.gateway", FULL, {"spec.machine.gateway.metadata.orgId": "8"}, MACHINE),
    final("spec.machine.gateway", TYPED, {"spec.machine.gateway": {}}, MACHINE),
    final("spec.bootstrap", FULL, {"spec.bootstrap.env.0.value": "43"}, BOOTSTRAP),
    final("spec.bootstrap", FULL, {"spec.bootstrap": MISSING}, BOOTSTRAP),
    final("spec.bootstrap", FULL, {KEY_WAY: SSH_KEY}, BOOTSTRAP),
    final("spec.bootstrap", FULL, {"spec.bootstrap.sshAuthorizedKeys": MISSING}, BOOTSTRAP),
    final("spec.tags", FULL, {"spec.tags.team": "speech"}, instance_spec.TAGS_ARE_FINAL),
    final("spec.tags", FULL, {"spec.tags": MISSING}, instance_spec.TAGS_ARE_FINAL),
    final("spec.tags", TYPED, {"spec.tags": {"team": "vision"}}, instance_spec.TAGS_ARE_FINAL),
    final("spec.gateway.endpoint", PROVIDER, {"spec.gateway.endpoint": "http://a"}, provider_spec.ENDPOINT_IS_FINAL),
    final("spec.type", PROVIDER, {"spec.type": "EC2"}, provider_spec.TYPE_IS_FINAL),
    final("spec.ec2.region", EC2, {"spec.ec2.region": "us-east-2"}, ec2_spec.REGION_IS_FINAL),
    final("spec.ec2.endpoint", EC2, {"spec.ec2.endpoint": "http://a"}, provider_spec.ENDPOINT_IS_FINAL),
    final("spec.ec2.endpoint", EC2, {"spec.ec2.endpoint": MISSING}, provider_spec.ENDPOINT_IS_FINAL),
    final("spec.skypilot.endpoint", SKY, {"spec.skypilot.endpoint": "http://a"}, provider_spec.ENDPOINT_IS_FINAL),
    final("spec.machine.size", SIZED, {"spec.machine.size": "small"}, MACHINE),
    final("spec.machine.maxPricePerHour", SIZED, {"spec.machine.maxPricePerHour": "3.01"}, MACHINE),
    final("spec.machine.maxPricePerHour", SIZED, {"spec.machine.maxPricePerHour": MISSING}, MACHINE),
    final("spec.machine.maxPricePerHour", TYPED, {"spec.machine.maxPricePerHour": "9"}, MACHINE, same=""),
    final("spec.placements", CHEAPEST, {"spec.placements.1.maxPricePerHour": "9"}, instance_spec.PLACEMENTS_ARE_FINAL),
    final("spec.machine.skypilot", SKY_MACHINE, {"spec.machine.skypilot.cloud": "gcp"}, MACHINE),
    final("spec.machine.skypilot", TYPED, {"spec.machine.skypilot": {}}, MACHINE),
    final("spec.machine.ec2", EC2_MACHINE, {"spec.machine.ec2.keyName": "others"}, MACHINE),
    final("spec.machine.ec2", TYPED, {"spec.machine.ec2": {}}, MACHINE),
    final("spec.runpod.endpoint", RUNPOD, {"spec.runpod.endpoint": "https://a"}, provider_spec.ENDPOINT_IS_FINAL),
    final("spec.machine.runpod", POD, {"spec.machine.runpod.args": "other"}, MACHINE),
    final("spec.machine.runpod", TYPED, {"spec.machine.runpod": {}}, MACHINE),
    final("spec.providerRef", FULL, {"spec.providerRef": MISSING}, instance_spec.PROVIDER_IS_FINAL),
    final("spec.placements", ANYWHERE, {"spec.placements.0.purchase": "OnDemand"}, instance_spec.PLACEMENTS_ARE_FINAL),
    final("spec.placements", ANYWHERE, {"spec.placements.1.region": "a"}, instance_spec.PLACEMENTS_ARE_FINAL),
    final("spec.placements", ANYWHERE, {"spec.placements": MISSING}, instance_spec.PROVIDER_IS_FINAL),
)


@pytest.mark.cluster
@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_manifest_that_keeps_the_rule_is_created(server: Server, case: Case) -> None:
    assert create(server, case, case.good).sentences == ()


@pytest.mark.cluster
@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_manifest_that_breaks_the_rule_is_not_created_and_the_sentence_says_why(server: Server, case: Case) -> None:
    assert case.sentence in create(server, case, case.bad).sentences


@pytest.mark.cluster
@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_object_may_be_changed_to_what_keeps_the_rule_unless_the_field_is_final(server: Server, case: Case) -> None:
    sentences = server.replace(changed(BASES[case.base], case.good)).sentences
    assert all(sentence.endswith(FINAL) for sentence in sentences)


@pytest.mark.cluster
@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_object_cannot_be_changed_to_what_breaks_the_rule(server: Server, case: Case) -> None:
    assert case.sentence in server.replace(changed(BASES[case.base], case.bad)).sentences


@pytest.mark.cluster
@pytest.mark.parametrize("case", CHANGES, ids=str)
def test_what_is_final_cannot_be_changed_added_or_removed(server: Server, case: Change) -> None:
    assert case.sentence in server.replace(changed(BASES[case.base], case.bad)).sentences


@pytest.mark.cluster
@pytest.mark.parametrize("case", CHANGES, ids=str)
def test_what_is_final_may_be_written_in_another_way(server: Server, case: Change) -> None:
    assert server.replace(changed(BASES[case.base], case.good)).sentences == ()


@pytest.mark.cluster
@pytest.mark.parametrize("order", ["Listed", MISSING])
def test_the_order_of_placements_may_be_changed(server: Server, order: object) -> None:
    assert server.replace(changed(BASES[CHEAPEST], {"spec.placementOrder": order})).sentences == ()


@pytest.mark.cluster
@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"spec.powerState": "Stopped"}, id="power"),
        pytest.param({"spec.deletionPolicy": "Retain"}, id="deletion policy"),
        pytest.param({"spec.createPolicy.maxAttempts": 10}, id="create policy"),
        pytest.param({"spec.deadlines": MISSING}, id="deadlines"),
        pytest.param({"spec.onLoss": "Fail", "spec.maxReplacements": 0}, id="loss"),
        pytest.param({"spec.expireAfterSeconds": MISSING}, id="expiry"),
    ],
)
def test_what_is_not_final_may_be_changed(server: Server, changes: Changes) -> None:
    assert server.replace(changed(BASES[FULL], changes)).sentences == ()


def test_every_rule_of_the_schemas_has_a_case() -> None:
    said = [(case.at, case.sentence) for case in CASES] + [(change.at, change.sentence) for change in CHANGES]
    untested = [
        f"{at}: {message}"
        for at, message in rules()
        if not any(at == place and re.search(message, sentence) for place, sentence in said)
    ]
    assert untested == []


def rules() -> Iterator[tuple[str, str]]:
    """Yield each rule's place, as messages name it, and the pattern of its message."""
    for plural in (INSTANCES, CLUSTER_PROVIDERS):
        for at, node in every_place(plural).items():
            for found in node.get("x-kubernetes-validations", ()):
                below = found.get("fieldPath", "") if "oldSelf" in found["rule"] else ""
                yield at + below, pattern(found)


def pattern(found: Node) -> str:
    """Return what a refusal by this rule ends with."""
    if "message" in found:
        return re.escape(str(found["message"])) + "$"
    parts = str(found["messageExpression"]).split(" + string(self) + ")
    return ".*".join(re.escape(part.strip("'")) for part in parts) + "$"


def create(server: Server, case: Case, changes: Changes) -> Answer:
    """Return the answer to a create of the case's base with these changes, under a free name."""
    fresh: Manifest = changed(BASES[case.base], {**changes, "metadata.name": "fresh"})
    return server.create(fresh)
