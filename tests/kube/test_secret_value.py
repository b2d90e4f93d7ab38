"""One value out of a Secret; whatever is no text is none."""

import base64
from typing import Any

import pytest

from gpuwright.kube.secret_value import decoded


def test_is_text() -> None:
    assert decoded({"data": {"token": base64.b64encode("tökén\n".encode()).decode()}}, "token") == "tökén\n"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({}, id="no data"),
        pytest.param({"data": None}, id="data that is null"),
        pytest.param({"data": {"other": "dG9rZW4="}}, id="another key"),
        pytest.param({"data": {"token": None}}, id="null"),
        pytest.param({"data": {"token": 42}}, id="a number"),
        pytest.param({"data": {"token": "no base64!"}}, id="no base64"),
        pytest.param({"data": {"token": "dG9rZW4"}}, id="base64 without its padding"),
        pytest.param({"data": {"token": "/w=="}}, id="no UTF-8"),
        pytest.param({"stringData": {"token": "token"}}, id="stringData, which the server never shows"),
    ],
)
def test_is_none_where_there_is_no_text(body: dict[str, Any]) -> None:
    assert decoded(body, "token") is None


def test_of_an_empty_value_is_empty() -> None:
    assert decoded({"data": {"token": ""}}, "token") == ""
