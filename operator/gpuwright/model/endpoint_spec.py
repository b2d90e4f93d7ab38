"""How a provider's endpoint is written, and how the certificates that it is checked against."""

import re
from typing import Annotated

from pydantic import StringConstraints

from gpuwright.model.api_base import EMPTY_IS_ABSENT, Must, matches, must_match

MAX_CA_BUNDLE = 65_536
ENDPOINT_IS_FINAL = "the endpoint cannot be changed, because machines are recorded under it: create another provider"

_HOST = r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?)"
_PORT = r"(:([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?"
_URL = rf"https?://{_HOST}{_PORT}(/[!-~]*)?"
_ALMOST_A_URL = "https?://[^@?#]*"  # what the first two rules let through: each mistake gets one sentence

Endpoint = Annotated[
    str,
    StringConstraints(max_length=1024),
    Must(
        "self.startsWith('https://') || self.startsWith('http://')",
        lambda url: url.startswith(("https://", "http://")),
        "must begin with https:// or http://, such as https://gateway.example:8443",
    ),
    must_match(
        "[^@?#]*",
        "leave out '@', '?' and '#': the token stands in the Secret of credentialsSecretRef, and paths are added here",
    ),
    Must(
        f"!{matches(_ALMOST_A_URL)} || {matches(_URL)}",
        lambda url: re.fullmatch(_URL, url) is not None,
        "must name a host, and a port from 1 to 65535 if any, such as https://gateway.example:8443",
    ),
]

OptionalEndpoint = Annotated[
    Annotated[
        str,
        StringConstraints(max_length=1024),
        Must(
            f"self == '' || {matches(_URL)} && {matches(_ALMOST_A_URL)}",
            lambda url: bool(re.fullmatch(_URL, url) and re.fullmatch(_ALMOST_A_URL, url)),
            "must be a URL with a host and no '@', '?' or '#', such as https://vpce-0a1b.ec2.us-east-1.vpce.amazonaws.com",
        ),
    ]
    | None,
    EMPTY_IS_ABSENT,
]

_PEM_BEGINS = "-----BEGIN CERTIFICATE-----"
_PEM_ENDS = "-----END CERTIFICATE-----"

CaBundle = Annotated[
    Annotated[
        str,
        StringConstraints(max_length=MAX_CA_BUNDLE),
        Must(
            f"self == '' || self.startsWith('{_PEM_BEGINS}')",
            lambda pem: pem.startswith(_PEM_BEGINS),
            f"caBundle is the PEM text itself, not base64 of it: it begins with {_PEM_BEGINS}",
        ),
        Must(
            f"!self.startsWith('{_PEM_BEGINS}') || self.contains('{_PEM_ENDS}')",
            lambda pem: _PEM_ENDS in pem,
            f"caBundle stops before {_PEM_ENDS}: give the whole PEM text",
        ),
    ]
    | None,
    EMPTY_IS_ABSENT,
]
