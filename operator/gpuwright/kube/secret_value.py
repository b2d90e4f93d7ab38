"""Reading one value out of a Secret."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any


def decoded(body: Mapping[str, Any], key: str) -> str | None:
    """Return one value of a Secret as text, or None where it is missing or no text."""
    data = (body.get("data") or {}).get(key)
    if not isinstance(data, str):
        return None
    try:
        return base64.b64decode(data, validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return None
