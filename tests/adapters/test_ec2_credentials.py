"""What may stand in the Secret of a provider of type EC2, and that no value of it gets out."""

import pytest

from gpuwright.adapters.ec2_credentials import BadCredentials, Ec2Credentials, credentials_of

KEYS = "aws_access_key_id = AKIA1\naws_secret_access_key = s3/cr+et=\n"


def test_a_file_as_the_aws_tools_write_it_is_read() -> None:
    text = f"[default]\n{KEYS}aws_session_token=tok%en\nrole_arn=arn:aws:iam::1:role/r\nexternal_id=x\n"
    assert credentials_of(text) == Ec2Credentials("AKIA1", "s3/cr+et=", "tok%en", "arn:aws:iam::1:role/r", "x")


def test_the_only_section_counts_whatever_it_is_called() -> None:
    assert credentials_of(f"[work]\n{KEYS}").access_key == "AKIA1"


def test_among_several_sections_the_default_one_counts() -> None:
    text = f"[work]\naws_access_key_id=AKIA2\naws_secret_access_key=b\n[default]\n{KEYS}"
    assert credentials_of(text).access_key == "AKIA1"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "0 sections"),
        ("[a]\nx=1\n[b]\nx=1\n", "2 sections and none is"),
        ("[default]\naws_access_key_id=AKIA1\n", "no aws_secret_access_key"),
        ("[default]\naws_secret_access_key=hunter2\n", "no aws_access_key_id"),
        ("[default]\n", "no aws_access_key_id and no aws_secret_access_key"),
        ("hunter2", "not written as"),
        ("[default]\nhunter2\n", "not written as"),
        ('{"aws_secret_access_key": "hunter2"}', "not written as"),
    ],
)
def test_what_cannot_be_used_says_what_is_missing_and_shows_no_value(text: str, words: str) -> None:
    with pytest.raises(BadCredentials, match=words) as caught:
        credentials_of(text)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_the_keys_are_in_no_repr() -> None:
    assert "AKIA1" not in repr(credentials_of(f"[default]\n{KEYS}"))
