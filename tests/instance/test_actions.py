"""Actions are values, a closed set, and quiet unless they say otherwise."""

import dataclasses
import inspect
from typing import get_args

import pytest

from gpuwright.instance import actions
from gpuwright.instance.actions import Action, Arms, Record, RemoveFinalizer, Wait
from gpuwright.model.conditions import Reason
from gpuwright.model.event_reasons import EventReason
from gpuwright.model.memory import Memory


def test_every_action_is_in_the_closed_set() -> None:
    declared = {
        value
        for _name, value in inspect.getmembers(actions, inspect.isclass)
        if value.__module__ == actions.__name__ and dataclasses.is_dataclass(value)
    }
    assert declared == set(get_args(Action))


def test_a_record_announces_nothing_and_tells_nobody_unless_it_says_so() -> None:
    record = Record(Memory(), "state")
    assert (record.arms, record.event, record.note, record.fresh_burst) == (Arms.NOTHING, None, "", False)


def test_a_wait_is_neither_stalled_nor_ready_unless_it_says_so() -> None:
    wait = Wait(Reason.WAITING, "a while")
    assert (wait.seconds, wait.stalled, wait.ready, wait.brief) == (None, False, False, False)


def test_letting_go_is_a_release_unless_it_says_otherwise() -> None:
    assert RemoveFinalizer("proven").event is EventReason.RELEASED


def test_actions_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Wait(Reason.WAITING, "a while").ready = True  # type: ignore[misc]  # that is what is tested
