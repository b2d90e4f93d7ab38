"""A provider's status: the table of conditions in 1-api.md, 1.4, and what is kept of what was there."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.adapters.gateway_stage import GatewayStage
from tests.e2e.argocd import DEGRADED, HEALTHY, PROGRESSING, health
from tests.e2e.kstatus import CURRENT, FAILED, IN_PROGRESS, kstatus
from tests.kube.fake_api import a_provider

from gpuwright.model.resources import Key
from gpuwright.provider.absence import MassAbsence
from gpuwright.provider.account import Account
from gpuwright.provider.breaker import Breaker, BreakerState
from gpuwright.provider.parsing import parse_provider
from gpuwright.provider.report import Counts, provider_status
from gpuwright.provider.slots import Slots

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
COUNTS = {"total": 3, "ready": 2, "creating": 1}
OPEN = Breaker(BreakerState.OPEN, 3, "2026-11-22T09:00:00Z", 0, 0.0)


def an_account(dialect: str = "Full", **spec: Any) -> Account:
    """Return what is known of a provider that answers."""
    body = a_provider("http://127.0.0.1:1", **spec)
    account = Account(Key("ComputeProvider", "team-a", "gateway"), Slots(lambda _left_out: 0, 0.0))
    account.spec, account.spec_error = parse_provider("ComputeProvider", body)
    account.generation = 4
    account.adapter = GatewayStage().adapter_for(url="http://127.0.0.1:1", dialect=dialect)
    account.online = account.ever_reached = True
    account.credentials.checked = True
    account.place = "5f0c"
    account.confirmed_version = "uid-9/7"
    return account


def a_body(status: dict[str, Any] | None = None, generation: int = 4) -> dict[str, Any]:
    body = a_provider("http://127.0.0.1:1")
    body["metadata"].update({"uid": "uid-1", "resourceVersion": "7", "generation": generation})
    return {**body, "status": status or {}}


def status_of(account: Account, before: dict[str, Any] | None = None, now: datetime = NOW) -> dict[str, Any]:
    return provider_status(account, a_body(before), COUNTS, "", now)


def conditions_of(account: Account, before: dict[str, Any] | None = None) -> dict[str, tuple[str, str]]:
    """Return status and reason of each condition."""
    return {found["type"]: (found["status"], found["reason"]) for found in status_of(account, before)["conditions"]}


def message_of(account: Account, kind: str) -> str:
    return next(str(found["message"]) for found in status_of(account)["conditions"] if found["type"] == kind)


def _invalid(account: Account) -> None:
    account.spec, account.spec_error, account.adapter = None, "spec.gateway: Field required", None
    account.online = account.credentials.checked = False


def _refused(account: Account) -> None:
    account.refused, account.online, account.breaker = "10.0.0.1 is not a public address", False, OPEN


def _no_secret(account: Account) -> None:
    account.credentials.problem, account.adapter = "there is no Secret gateway-token in namespace team-a", None


def _rejected(account: Account) -> None:
    account.credentials.rejected = "the gateway answered 401"


def _not_asked(account: Account) -> None:
    account.online = account.credentials.checked = False


def _away(account: Account) -> None:
    account.online, account.breaker, account.trouble = False, OPEN, "ConnectError: refused"


def _probing(account: Account) -> None:
    _away(account)
    account.breaker = OPEN.probing()


SETTLED, WAITING = ("False", "Settled"), ("True", "Waiting")
GOOD, STUCK_NOT = ("True", "Accepted"), ("False", "NotStalled")
VALID, ANSWERED = ("True", "Authenticated"), ("True", "Answered")

SITUATIONS: dict[str, tuple[Callable[[Account], None], dict[str, tuple[str, str]]]] = {
    "all is well": (
        lambda _account: None,
        {"Accepted": GOOD, "CredentialsValid": VALID, "Online": ANSWERED, "Ready": ("True", "Ready")}
        | {"Reconciling": SETTLED, "Stalled": STUCK_NOT},
    ),
    "spec not valid": (
        _invalid,
        {"Accepted": ("False", "InvalidSpec"), "CredentialsValid": ("Unknown", "NotChecked")}
        | {"Online": ("Unknown", "NotChecked"), "Ready": ("False", "InvalidSpec")}
        | {"Reconciling": SETTLED, "Stalled": ("True", "InvalidSpec")},
    ),
    "address not allowed": (
        _refused,
        {"Accepted": ("False", "EndpointNotAllowed"), "CredentialsValid": VALID, "Online": ("False", "Unreachable")}
        | {"Ready": ("False", "EndpointNotAllowed"), "Reconciling": SETTLED, "Stalled": ("True", "EndpointNotAllowed")},
    ),
    "no Secret yet": (
        _no_secret,
        {"Accepted": ("False", "SecretNotFound"), "CredentialsValid": ("False", "SecretNotFound")}
        | {"Online": ("Unknown", "NotChecked"), "Ready": ("False", "SecretNotFound")}
        | {"Reconciling": WAITING, "Stalled": STUCK_NOT},
    ),
    "credentials refused": (
        _rejected,
        {"Accepted": GOOD, "CredentialsValid": ("False", "CredentialsRejected"), "Online": ANSWERED}
        | {"Ready": ("False", "CredentialsRejected")},
    ),
    "not asked yet": (
        _not_asked,
        {"Accepted": GOOD, "CredentialsValid": ("Unknown", "NotChecked"), "Online": ("Unknown", "NotChecked")}
        | {"Ready": ("Unknown", "NotChecked"), "Reconciling": WAITING, "Stalled": STUCK_NOT},
    ),
    "unreachable": (
        _away,
        {"Accepted": GOOD, "CredentialsValid": VALID, "Online": ("False", "Unreachable")}
        | {"Ready": ("False", "Unreachable"), "Reconciling": WAITING, "Stalled": STUCK_NOT},
    ),
    "being probed": (_probing, {"Online": ("False", "Unreachable"), "Ready": ("False", "Unreachable")}),
}


@pytest.mark.parametrize(("make", "conditions"), SITUATIONS.values(), ids=list(SITUATIONS))
def test_each_situation_has_its_conditions(
    make: Callable[[Account], None], conditions: dict[str, tuple[str, str]]
) -> None:
    account = an_account()
    make(account)
    found = conditions_of(account)
    assert {kind: found[kind] for kind in conditions} == conditions
    assert list(found) == ["Accepted", "CredentialsValid", "Online", "Ready", "Reconciling", "Stalled"]


@pytest.mark.parametrize("make", [make for make, _conditions in SITUATIONS.values()], ids=list(SITUATIONS))
def test_argo_cd_sees_each_situation_as_kstatus_does_and_says_why(make: Callable[[Account], None]) -> None:
    account = an_account()
    make(account)
    body = a_body(status_of(account))
    status, message = health(body)
    assert status == {IN_PROGRESS: PROGRESSING, CURRENT: HEALTHY, FAILED: DEGRADED}[kstatus(body)]
    assert message.endswith(message_of(account, "Ready"))


def test_to_argo_cd_planned_work_is_health() -> None:
    status, message = health(a_body(status_of(an_account(draining=True))))
    assert (status, message) == (HEALTHY, "Draining: planned work: no new machines are made")


def test_planned_work_pages_nobody() -> None:
    found = conditions_of(an_account(draining=True))
    assert found["Online"] == found["Ready"] == ("True", "Draining")
    assert found["Reconciling"] == SETTLED


def test_a_draining_provider_that_is_away_is_away() -> None:
    account = an_account(draining=True)
    _away(account)
    assert conditions_of(account)["Online"] == ("False", "Unreachable")


def test_a_provider_that_cannot_be_read_says_how_far_the_promise_goes() -> None:
    assert "cannot be read" in message_of(an_account("CreateOnly"), "Ready")


def test_words_of_the_provider_are_shown_where_they_matter() -> None:
    account = an_account()
    _away(account)
    assert message_of(account, "Online") == message_of(account, "Ready") == "ConnectError: refused"


class TestOccasionalConditions:
    def test_are_absent_until_they_occur(self) -> None:
        assert not {"MassAbsence", "PromiseBroken"} & set(conditions_of(an_account()))

    def test_say_that_machines_are_missing(self) -> None:
        account = an_account()
        account.absence = MassAbsence(frozenset({"i-1", "i-2", "i-3"}))
        assert conditions_of(account)["MassAbsence"] == ("True", "MachinesMissing")
        assert "3 machines are missing" in message_of(account, "MassAbsence")

    def test_say_that_a_promise_was_broken(self) -> None:
        account = an_account()
        account.promises = False
        assert conditions_of(account)["PromiseBroken"] == ("True", "CreatedDespitePromise")

    @pytest.mark.parametrize("kind", ["MassAbsence", "PromiseBroken"])
    def test_stay_as_false_when_they_are_over(self, kind: str) -> None:
        before = {"conditions": [{"type": kind, "status": "True", "lastTransitionTime": "2026-11-22T09:00:00Z"}]}
        assert conditions_of(an_account(), before)[kind] == ("False", "Settled")


class TestTheStatus:
    def test_of_a_good_provider_is_whole(self) -> None:
        status = status_of(an_account())
        assert {name: value for name, value in status.items() if name != "conditions"} == {
            "observedGeneration": 4,
            "summary": "Online",
            "breaker": {"state": "Closed", "failures": 0},
            "instances": COUNTS,
            "place": "5f0c",
            "credentialsVersion": "uid-9/7",
            "capabilities": {
                "createKey": "UniqueName",
                "reads": True,
                "power": True,
                "spot": True,
                "nodeJoin": True,
                "userData": "CloudInit",
                "ports": True,
                "priceCeiling": "None",
            },
        }

    @pytest.mark.parametrize(
        ("make", "summary"),
        [
            (lambda _account: None, "Online"),
            (_away, "Unreachable"),
            (_rejected, "CredentialsRejected"),
            (_no_secret, "SecretNotFound"),
            (_invalid, "InvalidSpec"),
            (_not_asked, "NotChecked"),
        ],
    )
    def test_has_one_word_for_people(self, make: Callable[[Account], None], summary: str) -> None:
        account = an_account()
        make(account)
        assert status_of(account)["summary"] == summary
        assert status_of(an_account(draining=True))["summary"] == "Draining"

    def test_keeps_the_breaker_for_the_next_process(self) -> None:
        account = an_account()
        _away(account)
        assert status_of(account)["breaker"] == {
            "state": "Open",
            "failures": 3,
            "openedTime": "2026-11-22T09:00:00Z",
        }

    def test_does_not_move_with_single_failures_nor_with_each_probe(self) -> None:
        account = an_account()
        quiet = status_of(account)
        account.breaker = Breaker(failures=2)
        assert status_of(account) == quiet
        _away(account)
        away = status_of(account)
        account.breaker = Breaker(BreakerState.HALF_OPEN, 99, OPEN.opened, 5, 1000.0)
        assert status_of(account) == away

    def test_keeps_what_the_ledgers_hold(self) -> None:
        ledgers = {"leaks": [{"name": "a"}], "leakCount": 30, "retained": [{"id": "i-1"}]}
        status = status_of(an_account(), ledgers)
        assert {name: status[name] for name in ledgers} == ledgers

    def test_keeps_the_last_known_capabilities_while_there_is_no_adapter(self) -> None:
        account = an_account()
        _no_secret(account)
        assert status_of(account, {"capabilities": {"reads": False}})["capabilities"] == {"reads": False}

    def test_says_which_generation_it_was_made_from(self) -> None:
        """The spec may have been changed while a list was on its way: what is told here is about the old one."""
        status = provider_status(an_account(), a_body(generation=5), COUNTS, "", NOW)
        assert status["observedGeneration"] == 4
        assert {found["observedGeneration"] for found in status["conditions"]} == {4}

    def test_moves_a_transition_time_only_when_the_value_changes(self) -> None:
        account = an_account()
        first = status_of(account)
        account.trouble = "another word"
        later = status_of(account, first, NOW + timedelta(minutes=1))
        assert {found["lastTransitionTime"] for found in later["conditions"]} == {"2026-11-22T10:00:00Z"}
        _away(account)
        away = status_of(account, later, NOW + timedelta(minutes=2))
        moved = [found["type"] for found in away["conditions"] if found["lastTransitionTime"] == "2026-11-22T10:02:00Z"]
        assert moved == ["Online", "Ready", "Reconciling"]

    def test_answers_a_persons_request(self) -> None:
        assert provider_status(an_account(), a_body(), COUNTS, "2026", NOW)["lastHandledReconcileAt"] == "2026"


def test_counts_stand_in_status_as_they_are() -> None:
    assert Counts(3, 2, 1).body() == COUNTS
