"""Write README's table of providers from what their adapters declare; with --check, only say whether it is that.

Whatever is in `KINDS` is in the table. What an adapter can do is asked of the adapter itself, made from each manifest
of its type in examples/ that has its Secret beside it: a type without one, without words of its own in `KINDS` or
without a page is an error.
"""

import asyncio
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from hack.generated import Generated, command

from gpuwright.adapters.contract import Unbuildable
from gpuwright.adapters.registry import KINDS, AdapterContext, Kind
from gpuwright.model.addresses import AddressPolicy
from gpuwright.model.api_base import SecretKeyRef
from gpuwright.model.capabilities import Capabilities, CreateKey, PriceCeiling
from gpuwright.model.provider_spec import ClusterProviderSpec, ProviderSpec, ProviderType
from gpuwright.model.resources import CLUSTER_PROVIDERS, PROVIDERS

ROOT = Path(__file__).resolve().parents[1]
README = "README.md"
MARKS = re.compile(r"(<!-- generated:providers -->\n).*?(<!-- /generated -->)", re.DOTALL)
HEAD = ("type", "what it is", "run against", "a create that is repeated", "a second machine", "what it can")
REPEATED: Mapping[CreateKey, str] = {
    CreateKey.TOKEN: "answered with the same machine, by its token",
    CreateKey.UNIQUE_NAME: "refused, because the name is taken",
    CreateKey.NONE: "would make another machine",
}
CEILINGS: Mapping[PriceCeiling, str] = {
    PriceCeiling.NONE: "; `maxPricePerHour` by the prices of sizes",
    PriceCeiling.SPOT: "; `maxPricePerHour` of spot machines, of others by the prices of sizes",
    PriceCeiling.EVERY: "; `maxPricePerHour` of every machine",
}

Body = dict[str, Any]


class Missing(Exception):
    """A type lacks something that the table needs; the message says what to write, and where."""


def table(root: Path = ROOT, kinds: Mapping[ProviderType, Kind] = KINDS) -> str:
    """Return the table. Raises Missing."""
    rows = [row for kind_of, kind in kinds.items() for row in _rows(root, kind_of, kind)]
    lines = [HEAD, ["---"] * len(HEAD), *rows]
    return "".join(f"| {' | '.join(_cell(cell) for cell in line)} |\n" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", r"\|").replace("\n", " ")


def _rows(root: Path, type_of: ProviderType, kind: Kind) -> Iterator[tuple[str, ...]]:
    if kind.about is None:
        raise Missing(f"KINDS[{type_of}] in adapters/registry.py says nothing of itself: give it about=About(...)")
    page = f"docs/providers/{type_of.lower()}.md"
    if not (root / page).is_file():
        raise Missing(f"{type_of} has no page {page}: credentials, least rights, limits")
    # What can do most is the usual one, and stands in front.
    found = sorted(dict.fromkeys(capabilities(root, type_of, kind)), key=lambda able: (not able.reads, not able.power))
    if not found:
        raise Missing(f"no manifest in examples/ has type {type_of}: write one, with its Secret in the same file")
    for number, able in enumerate(found):
        first = number == 0
        yield (
            f"[{type_of}]({page})" if first else f"{type_of}, {_difference(found[0], able)}",
            kind.about.what if first else "the same",
            kind.about.ran_against if first else "the same",
            REPEATED[able.create_key],
            kind.about.second_machine if first else _limits(able),
            _abilities(able),
        )


def _difference(usual: Capabilities, able: Capabilities) -> str:
    return "without reads" if usual.reads and not able.reads else "otherwise"


def _limits(able: Capabilities) -> str:
    return able.limits or "as above"


def _abilities(able: Capabilities) -> str:
    """Return what people may use here, and what not."""
    words = {
        "lists and looks": able.reads,
        "off and on": able.power,
        "spot": able.spot,
        "Nodes": able.node_join,
        "ports": able.ports,
    }
    can = [word for word, yes in words.items() if yes]
    cannot = [f"no {word}" for word, yes in words.items() if not yes]
    return ", ".join([*can, *cannot]) + CEILINGS[able.price_ceiling]


def capabilities(root: Path, type_of: ProviderType, kind: Kind) -> Iterator[Capabilities]:
    """Yield what the adapter of each manifest of this type declares. Raises Missing where none can be made of it."""
    for path in sorted((root / "examples").glob("*.yaml")):
        bodies: list[Body] = [body for body in yaml.safe_load_all(path.read_text(encoding="utf-8")) if body]
        for body in bodies:
            if body["kind"] not in {PROVIDERS.kind, CLUSTER_PROVIDERS.kind} or body["spec"]["type"] != type_of:
                continue
            spec = parse(body)
            secret = _secret(kind.secret(spec), bodies)
            if secret is not None:
                yield asyncio.run(_declared(path, spec, secret, kind))


def parse(body: Body) -> ProviderSpec:
    """Return the spec of a provider's manifest. Raises ValidationError."""
    model = ClusterProviderSpec if body["kind"] == CLUSTER_PROVIDERS.kind else ProviderSpec
    return model.model_validate(body["spec"])


async def _declared(path: Path, spec: ProviderSpec, secret: str, kind: Kind) -> Capabilities:
    try:
        adapter = kind.make(spec, AdapterContext(secret, "docs", AddressPolicy(), promises=True))
    except Unbuildable as error:
        raise Missing(f"no adapter can be made from {path.name}: {error}") from error
    try:
        return adapter.capabilities
    finally:
        await adapter.close()


def _secret(ref: SecretKeyRef, bodies: Sequence[Body]) -> str | None:
    """Return the Secret's value from beside the provider; None where it is not there."""
    for body in bodies:
        if body["kind"] == "Secret" and body["metadata"]["name"] == ref.name:
            return str(body["stringData"][ref.key])
    return None


def renewed(text: str, made: str) -> str:
    """Return README's text with this table. Raises Missing where it has no place for it."""
    if not MARKS.search(text):
        raise Missing(f"{README} has no place for the table: <!-- generated:providers --> and <!-- /generated -->")
    return MARKS.sub(lambda found: f"{found[1]}\n{made}\n{found[2]}", text)


def generated() -> Generated:
    """Return README as it is to be. Raises Missing."""
    return Generated(ROOT, {README: renewed((ROOT / README).read_text(encoding="utf-8"), table())})


def main(arguments: Sequence[str]) -> int:
    """Return the exit code: 1 when --check finds a difference, or something is missing."""
    try:
        advice = f"{README} is not what the adapters declare: run `make reference`"
        return command(arguments, __doc__, lambda: [generated()], advice)
    except Missing as error:
        print(error)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
