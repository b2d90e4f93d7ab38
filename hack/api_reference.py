"""Write docs/api.md from crds/; with --check, only say whether it is what they give."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from hack.generated import Generated, command

ROOT = Path(__file__).resolve().parents[1]
CRDS = ROOT / "crds"
TARGET = ROOT / "docs" / "api.md"
HEAD = """# API

Every field of the three kinds, as `kubectl explain` tells them. Generated from the CRDs by `make reference`.

A field of a list's entries is written `list[].field`, one of a map's values `map{}.field`. Where nothing stands under
"default", a field that is left out is not there.
"""
BOUNDS = (
    ("minimum", "at least {}"),
    ("maximum", "at most {}"),
    ("minLength", "at least {} characters"),
    ("maxLength", "at most {} characters"),
    ("maxItems", "at most {} entries"),
    ("maxProperties", "at most {} entries"),
)

Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Field:
    """One field: where it stands, what the CRD says of it, and whether it must be there."""

    path: str
    schema: Schema
    required: bool

    @property
    def type(self) -> str:
        """Return its type in words."""
        if self.schema.get("x-kubernetes-int-or-string"):
            return "integer or string"
        if self.schema.get("x-kubernetes-preserve-unknown-fields"):
            return "anything"
        kind = str(self.schema["type"])
        if kind == "array":
            return f"list of {Field('', self.schema['items'], required=False).type}s"
        if kind == "object" and "additionalProperties" in self.schema:
            return f"map of {Field('', self.schema['additionalProperties'], required=False).type}s"
        return kind

    @property
    def default(self) -> str:
        """Return its default as YAML; that of a block is made of its fields'."""
        if "default" not in self.schema or self.schema["default"] == {}:
            return ""
        return f"`{yaml.safe_dump(self.schema['default'], default_flow_style=True, width=1000).split(chr(10))[0]}`"

    @property
    def bounds(self) -> str:
        """Return what values it may have, beyond its type."""
        told = [words.format(self.schema[key]) for key, words in BOUNDS if key in self.schema]
        if "enum" in self.schema:
            told.insert(0, f"one of {', '.join(f'`{value}`' for value in self.schema['enum'])}")
        return "; ".join(told)


def fields(schema: Schema, path: str) -> Iterator[Field]:
    """Yield every field below a schema, each before what is in it."""
    required = schema.get("required", ())
    for name, inner in schema.get("properties", {}).items():
        place = f"{path}.{name}" if path else name
        yield Field(place, inner, name in required)
        yield from _below(inner, place)


def _below(schema: Schema, path: str) -> Iterator[Field]:
    if "items" in schema:
        yield from _below(schema["items"], f"{path}[]")
    elif isinstance(schema.get("additionalProperties"), Mapping):
        yield from _below(schema["additionalProperties"], f"{path}{{}}")
    else:
        yield from fields(schema, path)


def rules(schema: Schema, path: str) -> Iterator[tuple[str, str]]:
    """Yield where a rule stands, and what the API server says when it is broken."""
    for rule in schema.get("x-kubernetes-validations", ()):
        yield path, str(rule.get("message") or rule["messageExpression"])
    for name, inner in schema.get("properties", {}).items():
        yield from rules(inner, f"{path}.{name}")
    if "items" in schema:
        yield from rules(schema["items"], f"{path}[]")
    if isinstance(schema.get("additionalProperties"), Mapping):
        yield from rules(schema["additionalProperties"], f"{path}{{}}")


def page(crds: Sequence[Schema]) -> str:
    """Return the whole document."""
    return "\n".join([HEAD, *(_kind(crd) for crd in crds)])


def _kind(crd: Schema) -> str:
    names, (version,) = crd["spec"]["names"], crd["spec"]["versions"]
    schema = version["schema"]["openAPIV3Schema"]
    kind, scope = names["kind"], crd["spec"]["scope"].lower()
    short = ", ".join(f"`{name}`" for name in names.get("shortNames", ()))
    parts = [
        f"## {kind}\n",
        f"{schema['description']} `{crd['spec']['group']}/{version['name']}`, {scope}, short: {short}.\n",
    ]
    for part, words in (("spec", "what you ask for"), ("status", "what is; the operator alone writes it")):
        inner = schema["properties"][part]
        parts.append(f"### {kind} {part}\n\n{words[0].upper()}{words[1:]}.\n")
        rows = (
            (f"`{field.path}`{' (required)' if field.required else ''}", field.type, field.default, _told(field))
            for field in fields(inner, "")
        )
        parts.append(_table(("field", "type", "default", "what it says"), rows))
    broken = [(f"`{path}`", _text(words)) for path, words in rules(schema["properties"]["spec"], "spec")]
    if broken:
        parts.append(f"### {kind} rules\n\nWhat the API server says to a spec that it refuses.\n")
        parts.append(_table(("at", "what it says"), broken))
    return "\n".join(parts)


def _told(field: Field) -> str:
    words = _text(str(field.schema.get("description", "")))
    return f"{words} ({field.bounds})" if field.bounds else words


def _text(words: str) -> str:
    # A browser takes <owner> for markup.
    return " ".join(words.split()).replace("<", "&lt;").replace("*", r"\*")


def _table(head: Sequence[str], rows: Iterator[Sequence[str]] | Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *([cell.replace("|", r"\|") for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def wanted() -> str:
    """Return the document as crds/ gives it: the instance first, which everybody reads."""
    crds = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(CRDS.glob("*.yaml"))]
    return page(
        sorted(
            crds, key=lambda crd: (crd["spec"]["names"]["kind"] != "ComputeInstance", crd["spec"]["scope"] == "Cluster")
        )
    )


def generated() -> Generated:
    """Return docs/api.md as it is to be."""
    return Generated(TARGET.parent, {TARGET.name: wanted()})


def main(arguments: Sequence[str]) -> int:
    """Return the exit code: 1 when --check finds a difference."""
    return command(
        arguments, __doc__, lambda: [generated()], "docs/api.md is not what the CRDs give: run `make reference`"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
