"""What docs/gitops.md says of Argo CD, for every kind; what it sees of recorded instances is in tests/e2e."""

from typing import Any

import pytest
from tests.docs.pages import ROOT, page
from tests.e2e.argocd import CHECK, DEGRADED, PROGRESSING, health

from gpuwright.model.resources import BY_KIND, INSTANCES

DELETED = {"generation": 2, "deletionTimestamp": "2026-11-22T10:00:00Z"}
STALLED = {"type": "Stalled", "status": "True", "reason": "InvalidSpec", "message": "spec.type: Field required"}
KINDS = pytest.mark.parametrize("kind", list(BY_KIND))


def an_object(kind: str, metadata: dict[str, Any] | None = None, **status: Any) -> dict[str, Any]:
    return {"kind": kind, "metadata": metadata or {"generation": 2}, "status": status}


@KINDS
def test_argo_cd_is_told_of_the_kind(kind: str) -> None:
    told = f"--from-file=resource.customizations.health.gpuwright.dev_{kind}={CHECK.relative_to(ROOT)}"
    assert told in page("gitops.md").text.split()


@KINDS
def test_a_deletion_is_progress_whatever_stalls_and_says_what_it_waits_for(kind: str) -> None:
    ends = "the machine is being ended" if kind == INSTANCES.kind else "instances that use it go first"
    stuck = an_object(kind, DELETED, observedGeneration=2, conditions=[STALLED])
    assert health(stuck) == (PROGRESSING, f"Deleting: {ends}")


@KINDS
def test_what_the_operator_has_not_seen_is_not_judged(kind: str) -> None:
    assert health({"kind": kind, "metadata": {"generation": 1}}) == (PROGRESSING, "Waiting for the operator")
    assert health(an_object(kind)) == (PROGRESSING, "Waiting for the operator")
    old = an_object(kind, observedGeneration=1, conditions=[STALLED])
    assert health(old) == (PROGRESSING, "The operator has not seen the last change yet")


@KINDS
def test_what_waits_for_a_person_is_degraded_unless_it_is_tried_again(kind: str) -> None:
    trying = {"type": "Reconciling", "status": "True", "reason": "Working", "message": ""}
    stuck = an_object(kind, observedGeneration=2, conditions=[STALLED])
    assert health(stuck) == (DEGRADED, STALLED["message"])
    tried = an_object(kind, observedGeneration=2, conditions=[STALLED, trying])
    assert health(tried)[0] == PROGRESSING
