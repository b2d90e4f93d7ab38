"""Which namespaces a cluster provider is open to: by name, and by label as everywhere in Kubernetes."""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from gpuwright.model.api_base import ApiModel, Must, ObjectName, crd, distinct, matches, must_match, rule


class SelectorOperator(StrEnum):
    """How a label is compared."""

    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"


_LABEL_VALUE = r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?"
_LABEL_KEY = r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_NOT_A_KEY = "must be a label's key, such as gpu or team.example/gpu"
LabelKey = Annotated[str, StringConstraints(max_length=317), must_match(_LABEL_KEY, _NOT_A_KEY)]
_LABEL_KEYS: Must[Mapping[str, str]] = Must(
    f"self.all(key, {matches(_LABEL_KEY, 'key')})",
    lambda labels: all(re.fullmatch(_LABEL_KEY, key) for key in labels),
    "keys are those of labels, such as gpu or team.example/gpu",
)
LabelValue = Annotated[
    str,
    StringConstraints(max_length=63),
    must_match(_LABEL_VALUE, 'must be a label\'s value: letters, digits, "-", "_" and ".", at most 63'),
]


class SelectorRequirement(ApiModel):
    """One comparison of a label."""

    key: LabelKey = Field(description="Such as gpu. The label's key. Required.")
    operator: SelectorOperator = Field(
        description="In and NotIn compare with values; Exists and DoesNotExist ask for the key alone. Required."
    )
    values: Annotated[list[LabelValue], Field(max_length=32)] = Field(
        [],
        description='Such as ["true"]. What In and NotIn compare with. Default: none.',
        json_schema_extra=crd(list_type="atomic"),
    )

    @rule(
        "(self.operator in ['In', 'NotIn']) == (has(self.values) && self.values.size() > 0)",
        "In and NotIn need values, Exists and DoesNotExist take none",
    )
    def _has_values_where_needed(self) -> bool:
        return (self.operator in {SelectorOperator.IN, SelectorOperator.NOT_IN}) == bool(self.values)

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Return whether an object with these labels is meant."""
        match self.operator:
            case SelectorOperator.IN:
                return labels.get(self.key) in self.values
            case SelectorOperator.NOT_IN:
                return labels.get(self.key) not in self.values
            case SelectorOperator.EXISTS:
                return self.key in labels
            case SelectorOperator.DOES_NOT_EXIST:
                return self.key not in labels


class NamespaceSelector(ApiModel):
    """Labels that a namespace must have; the empty selector matches every namespace."""

    match_labels: Annotated[
        dict[str, LabelValue],
        Field(max_length=32),
        _LABEL_KEYS,
    ] = Field(
        {},
        description='Such as {gpu: "true"}. Labels that must all be there; booleans need quotes. Default: none.',
    )
    match_expressions: Annotated[list[SelectorRequirement], Field(max_length=32)] = Field(
        [],
        description="Such as [{key: gpu, operator: Exists}]. Comparisons that must all hold. Default: none.",
        json_schema_extra=crd(list_type="atomic"),
    )

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Return whether an object with these labels is meant; the empty selector means everybody."""
        return all(labels.get(key) == value for key, value in self.match_labels.items()) and all(
            requirement.matches(labels) for requirement in self.match_expressions
        )


class AllowedNamespaces(ApiModel):
    """Which namespaces may use a cluster provider: those that are named, and those that match."""

    names: Annotated[list[ObjectName], Field(max_length=1000), distinct(str, "each namespace may stand there once")] = (
        Field(
            [],
            description="Such as [team-a]. Namespaces by name. Default: none.",
            json_schema_extra=crd(list_type="set"),
        )
    )
    selector: NamespaceSelector | None = Field(
        None,
        description='Such as {matchLabels: {gpu: "true"}}. Namespaces by label; {} is every namespace. Default: none.',
    )

    def admit(self, name: str, labels: Mapping[str, str]) -> bool:
        """Return whether the namespace may use the provider."""
        return name in self.names or (self.selector is not None and self.selector.matches(labels))
