"""Settings change one at a time, and a wrong one changes nothing."""

import pytest

from gpuwright_sandbox.gateway.settings import Dialect, Settings, changed
from gpuwright_sandbox.gateway.shapes import FieldError, Json


def test_a_change_leaves_the_other_settings_alone() -> None:
    before = Settings(page_size=7, power=False)
    assert changed(before, {"page_size": 3}) == Settings(page_size=3, power=False)


def test_null_takes_a_setting_back_to_its_default() -> None:
    assert changed(Settings(max_machines=3, page_size=7), {"max_machines": None, "page_size": None}) == Settings()


def test_a_list_of_tokens_is_for_the_default_account() -> None:
    assert changed(Settings(), {"tokens": ["a", "b"]}).tokens == {"a": "default", "b": "default"}


def test_tokens_can_have_accounts() -> None:
    assert changed(Settings(), {"tokens": {"a": "one"}}).tokens == {"a": "one"}


def test_the_dialect_is_one_of_two_words() -> None:
    assert changed(Settings(), {"dialect": "CreateOnly"}).dialect is Dialect.CREATE_ONLY


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        pytest.param({"pagesize": 1}, "pagesize", id="unknown"),
        pytest.param({"page_size": "1"}, "page_size", id="wrong type"),
        pytest.param({"page_size": 0}, "page_size", id="no page at all"),
        pytest.param({"dialect": "Half"}, "dialect", id="unknown dialect"),
        pytest.param([], "", id="no object"),
    ],
)
def test_names_the_setting_that_is_wrong(changes: Json, named: str) -> None:
    with pytest.raises(FieldError) as caught:
        changed(Settings(), changes)
    assert caught.value.field == named


@pytest.mark.parametrize(
    ("settings", "hides"),
    [
        pytest.param(Settings(), False, id="full"),
        pytest.param(Settings(hide_holder=True), True, id="asked to"),
        pytest.param(Settings(dialect=Dialect.CREATE_ONLY), True, id="cannot read"),
    ],
)
def test_the_holder_of_a_name_is_hidden_when_asked_or_when_there_are_no_reads(settings: Settings, hides: bool) -> None:
    assert settings.hides_holder is hides
