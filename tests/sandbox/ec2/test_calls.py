"""What a call is, told from its form fields."""

from urllib.parse import parse_qs

import pytest

from gpuwright_sandbox.ec2.calls import FROM_THE_START, Kind, read_call

LIST = b"Action=DescribeInstances&Filter.1.Name=tag%3Agpuwright.dev%2Fcluster&Filter.1.Value.1=c&MaxResults=1000"
NAME = b"&Filter.2.Name=tag%3Agpuwright.dev%2Fname&Filter.2.Value.1=n"
STATE = b"&Filter.3.Name=instance-state-name&Filter.3.Value.1=running&Filter.3.Value.2=stopped"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"Action=RunInstances", Kind.CREATE),
        (b"Action=TerminateInstances&InstanceId.1=i-1", Kind.TERMINATE),
        (b"Action=StopInstances", Kind.POWER),
        (LIST, Kind.LIST),
        (LIST + NAME, Kind.LOOK),
        (LIST + NAME + STATE, Kind.FIND),
        (b"Action=DescribeImages", Kind.OTHER),
        (b"", Kind.OTHER),
    ],
)
def test_each_call_has_its_kind(body: bytes, kind: Kind) -> None:
    assert read_call(body, {}).kind is kind


def test_the_states_are_the_shims_own_business_and_the_token_too() -> None:
    call = read_call(LIST + NAME + STATE + b"&ClientToken=t", {})
    assert call.filters()["instance-state-name"] == ("running", "stopped")
    asked = parse_qs(call.body(0).decode())
    assert "ClientToken" not in asked
    assert not any(key.startswith("Filter.3") for key in asked)
    assert asked["Filter.2.Name"] == ["tag:gpuwright.dev/name"]


def test_pages_are_made_small_for_lists_only() -> None:
    assert b"MaxResults=2" in read_call(LIST, {}).body(2)
    assert b"MaxResults=1000" in read_call(LIST + NAME, {}).body(2)


def test_the_token_after_an_empty_page_is_the_shims_own() -> None:
    call = read_call(LIST + b"&NextToken=" + FROM_THE_START.encode(), {})
    assert call.page == 2
    assert b"NextToken" not in call.body(0)


def test_the_second_page_is_told_by_its_token() -> None:
    assert (read_call(LIST, {}).page, read_call(LIST + b"&NextToken=x", {}).page) == (1, 2)
