"""The credentials of a provider of type EC2: a text as in ~/.aws/credentials, from its Secret and from nowhere else."""

from collections.abc import Mapping
from configparser import ConfigParser, Error
from dataclasses import dataclass

_DEFAULT = "default"


class BadCredentials(Exception):
    """The text cannot be used; the message says what is missing and shows no value."""


@dataclass(frozen=True, slots=True)
class Ec2Credentials:
    """An access key, and the role to assume with it where one is named; kept out of repr."""

    access_key: str
    secret_key: str
    session_token: str = ""
    role_arn: str = ""
    external_id: str = ""

    def __repr__(self) -> str:
        return "Ec2Credentials(...)"


def credentials_of(text: str) -> Ec2Credentials:
    """Return the credentials in a Secret's text: of the section [default], or of the only section.

    Raises:
        BadCredentials: they are not there, or not complete.
    """
    section = _section(text)
    found = Ec2Credentials(
        access_key=section.get("aws_access_key_id", ""),
        secret_key=section.get("aws_secret_access_key", ""),
        session_token=section.get("aws_session_token", ""),
        role_arn=section.get("role_arn", ""),
        external_id=section.get("external_id", ""),
    )
    missing = [
        name
        for name, value in (("aws_access_key_id", found.access_key), ("aws_secret_access_key", found.secret_key))
        if not value
    ]
    if missing:
        raise BadCredentials(f"the Secret's text has no {' and no '.join(missing)}: write it as in ~/.aws/credentials")
    return found


def _section(text: str) -> Mapping[str, str]:
    parser = ConfigParser(interpolation=None, default_section="", strict=False)
    try:
        parser.read_string(text)
    except Error:
        # The parser's complaint quotes the line, which may be the key itself.
        raise BadCredentials("the Secret's text is not written as ~/.aws/credentials is") from None
    names = parser.sections()
    if _DEFAULT in names:
        return parser[_DEFAULT]
    if len(names) != 1:
        raise BadCredentials(f"the Secret's text has {len(names)} sections and none is [default]: keep one")
    return parser[names[0]]
