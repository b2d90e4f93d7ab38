"""What a rule answered, as what it must be."""

from gpuwright.instance.actions import Record, Wait
from gpuwright.model.memory import Launch


def as_record(action: object) -> Record:
    assert isinstance(action, Record)
    return action


def as_wait(action: object) -> Wait:
    assert isinstance(action, Wait)
    return action


def launched(action: object) -> Launch:
    launch = as_record(action).memory.launch
    assert launch is not None
    return launch
