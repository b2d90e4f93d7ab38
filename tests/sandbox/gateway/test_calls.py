"""Requests are read into calls."""

import pytest

from gpuwright_sandbox.gateway.calls import CallKind, Cursor, read_call
from gpuwright_sandbox.gateway.shapes import FieldError


@pytest.mark.parametrize(
    ("method", "path", "kind", "target"),
    [
        pytest.param("GET", "/healthz", CallKind.HEALTHZ, "", id="healthz"),
        pytest.param("POST", "/api/instances", CallKind.CREATE, "", id="create"),
        pytest.param("GET", "/api/instances?limit=3", CallKind.LIST, "", id="list"),
        pytest.param("GET", "/api/instances/a", CallKind.GET, "a", id="get"),
        pytest.param("GET", "/api/instances/a%2Fb%20c%C3%A9", CallKind.GET, "a/b cé", id="encoded name"),
        pytest.param("DELETE", "/api/instances/a", CallKind.DELETE, "a", id="delete"),
        pytest.param("POST", "/api/instances/a/stop", CallKind.STOP, "a", id="stop"),
        pytest.param("POST", "/api/instances/a/start", CallKind.START, "a", id="start"),
        pytest.param("POST", "/api/instances/a/snapshot", CallKind.SNAPSHOT, "a", id="snapshot"),
        pytest.param("POST", "/api/snapshots/s/restore", CallKind.RESTORE, "s", id="restore"),
        pytest.param("POST", "/api/templates", CallKind.TEMPLATES, "", id="templates"),
        pytest.param("PUT", "/api/instances/a", CallKind.UNKNOWN, "", id="other method"),
        pytest.param("DELETE", "/api/instances", CallKind.UNKNOWN, "", id="delete of all"),
        pytest.param("POST", "/api/instances/a/explode", CallKind.UNKNOWN, "", id="other verb"),
        pytest.param("GET", "/", CallKind.UNKNOWN, "", id="root"),
    ],
)
def test_the_path_and_method_say_which_call_it_is(method: str, path: str, kind: CallKind, target: str) -> None:
    call = read_call(method, path, {}, b"")
    assert (call.kind, call.target) == (kind, target)


def test_the_name_of_a_create_stands_in_its_body() -> None:
    assert read_call("POST", "/api/instances", {}, b'{"name": "a"}').name == "a"
    assert read_call("POST", "/api/snapshots/s/restore", {}, b'{"name": "a"}').name == "a"
    assert read_call("GET", "/api/instances/b", {}, b'{"name": "a"}').name == "b"


@pytest.mark.parametrize("body", [b"", b"[]", b'{"name": 5}', b"{"])
def test_a_create_without_a_readable_name_has_none(body: bytes) -> None:
    assert read_call("POST", "/api/instances", {}, body).name == ""


def test_a_body_that_is_no_json_is_found_out_when_it_is_needed() -> None:
    call = read_call("POST", "/api/instances", {}, b"{")
    with pytest.raises(FieldError, match="no JSON"):
        _ = call.json


def test_labels_are_decoded_and_may_repeat() -> None:
    call = read_call("GET", "/api/instances?label=a%2Fb%3Dc%26d&label=e%3D%2B&limit=", {}, b"")
    assert call.query == (("label", "a/b=c&d"), ("label", "e=+"), ("limit", ""))
    assert call.first("label") == "a/b=c&d"
    assert call.first("cursor") == ""


@pytest.mark.parametrize(
    ("header", "token"),
    [
        pytest.param("Bearer abc", "abc", id="bearer"),
        pytest.param("bearer abc", "abc", id="lower case"),
        pytest.param("Basic abc", "", id="another scheme"),
        pytest.param("Bearer", "", id="empty"),
    ],
)
def test_the_token_follows_the_word_bearer(header: str, token: str) -> None:
    assert read_call("GET", "/healthz", {"Authorization": header}, b"").token == token


def test_no_header_is_no_token() -> None:
    assert read_call("GET", "/healthz", {}, b"").token is None


def test_cursors_can_be_written_and_read() -> None:
    assert Cursor.parse(str(Cursor(after=17, page=3))) == Cursor(17, 3)


@pytest.mark.parametrize("text", ["", "p", "p1", "p-1", "17", "px-1", "p1-x"])
def test_what_is_no_cursor_is_the_beginning(text: str) -> None:
    assert Cursor.parse(text) == Cursor(after=0, page=1)


def test_a_list_knows_its_page() -> None:
    assert read_call("GET", "/api/instances?cursor=p4-9", {}, b"").page == 4
