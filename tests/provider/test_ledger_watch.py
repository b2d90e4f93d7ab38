"""Leaks and retained machines leave the status by proof: not by a wrong token, a sick list or a restart."""

from typing import Any

import pytest
from tests.provider.ground import Ground

from gpuwright.provider.ledger_watch import LedgerWatch

SWEEP = {"mode": "Report", "periodSeconds": 10}
PROOF = 97 + 60 + 40  # what was sent has settled, F, and some sweeps


async def with_leak(ground: Ground, ledger: str = "leaks", *, beside: bool = True, **entry: Any) -> str:
    """Let a provider have a machine on its ledger that still exists; beside it one that lives. Return its id."""
    ground.a_provider(sweep=SWEEP)
    if beside:
        ground.machines(1)
    machine = ground.a_machine("leaked")
    await ground.reconcile()
    found = {"id": machine, "name": "leaked", "ownerUID": "uid-of-team-a-leaked"} | entry
    count = {"leakCount": 1} if ledger == "leaks" else {}
    ground.change({"status": {ledger: [found], **count}})
    return machine


def end(ground: Ground, machine: str) -> None:
    found = ground.gateway.fleet.pick(machine)
    assert found is not None
    ground.gateway.fleet.vanish(found)


def held(ground: Ground, ledger: str = "leaks") -> list[str]:
    return [str(entry["name"]) for entry in ground.now()["status"].get(ledger) or ()]


@pytest.mark.parametrize("ledger", ["leaks", "retained"])
async def test_an_entry_goes_once_its_machine_is_proven_gone(ground: Ground, ledger: str) -> None:
    machine = await with_leak(ground, ledger)
    await ground.run(PROOF)
    assert held(ground, ledger) == ["leaked"], "it is still there"
    end(ground, machine)
    await ground.run(PROOF)
    assert held(ground, ledger) == []


async def test_the_count_and_the_gauge_are_true_again(ground: Ground) -> None:
    machine = await with_leak(ground)
    ground.change({"status": {"leakCount": 5}})
    await ground.run(20)
    labels = {"provider": "team-a/gateway"}
    assert ground.metrics.registry.get_sample_value("gpuwright_leaks", labels) == 5
    end(ground, machine)
    await ground.run(PROOF)
    assert ground.now()["status"]["leakCount"] == 4, "those that were pushed out are still counted"
    assert ground.metrics.registry.get_sample_value("gpuwright_leaks", labels) == 4


async def test_an_entry_stays_while_what_was_sent_can_still_appear(ground: Ground) -> None:
    machine = await with_leak(ground)
    end(ground, machine)
    await ground.run(97 + 59)
    assert held(ground) == ["leaked"]


async def test_an_entry_stays_while_the_lists_are_sick(ground: Ground) -> None:
    """A direct look has the last word."""
    await with_leak(ground)
    await ground.run(20)
    ground.gateway.add_fault(call="list", action="empty", nth="every")
    await ground.run(3 * PROOF)
    assert held(ground) == ["leaked"]


async def test_an_entry_stays_while_many_machines_are_missing_at_once(ground: Ground) -> None:
    """A provider that has lost a part of its memory answers direct looks from the same part."""
    machine = await with_leak(ground, beside=False)
    ground.machines(4)
    await ground.run(20)
    end(ground, machine)
    ground.gateway.add_fault(call="list", action="empty", nth="every")
    await ground.run(3 * PROOF)
    assert ground.account().absence.missing
    assert held(ground) == ["leaked"]


async def test_an_entry_stays_while_looks_are_not_answered(ground: Ground) -> None:
    machine = await with_leak(ground)
    end(ground, machine)
    ground.gateway.add_fault(call="get", action="answer", status=500, nth="every")
    await ground.run(PROOF)
    assert held(ground) == ["leaked"]


async def test_an_entry_without_a_name_is_a_persons_to_clear(ground: Ground) -> None:
    machine = await with_leak(ground, name="")
    end(ground, machine)
    await ground.run(2 * PROOF)
    assert held(ground) == [""]


@pytest.mark.parametrize("guarded", [True, False], ids=["guarded", "without the guard"])
async def test_the_token_of_another_account_takes_nothing_off_the_ledger(
    ground: Ground, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    """With the right token back what is retained would be an orphan."""
    if not guarded:
        monkeypatch.setattr(LedgerWatch, "_is_sure", lambda *_arguments: True)
    await with_leak(ground, "retained", beside=False)
    await ground.run(20)
    ground.gateway.change_settings(tokens={"sandbox": "default", "another": "empty-account"})
    ground.a_secret("another")
    await ground.run(2 * PROOF)
    assert held(ground, "retained") == (["leaked"] if guarded else [])


@pytest.mark.parametrize("asked", [False, True], ids=["nobody vouches", "a person vouches"])
async def test_after_a_restart_an_empty_account_proves_nothing_until_a_person_says_so(
    ground: Ground, asked: bool
) -> None:
    machine = await with_leak(ground, beside=False)
    end(ground, machine)
    await ground.restart()
    await ground.run(20)
    if asked:
        ground.change({"metadata": {"annotations": {"gpuwright.dev/reconcile-requested-at": "1"}}})
    await ground.run(2 * PROOF)
    assert held(ground) == ([] if asked else ["leaked"])


async def test_with_the_sweep_disabled_the_ledgers_are_watched_all_the_same(ground: Ground) -> None:
    machine = await with_leak(ground)
    ground.change({"spec": {"sweep": {"mode": "Disabled"}}})
    end(ground, machine)
    await ground.run(2 * PROOF)
    assert held(ground) == []
