"""Where a provider may be called: the URL that must stand there, and the one that may."""

import pytest
from pydantic import TypeAdapter, ValidationError

from gpuwright.model.endpoint_spec import CaBundle, Endpoint, OptionalEndpoint

REQUIRED: TypeAdapter[str] = TypeAdapter(Endpoint)
OPTIONAL: TypeAdapter[str | None] = TypeAdapter(OptionalEndpoint)
BUNDLE: TypeAdapter[str | None] = TypeAdapter(CaBundle)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "https://a.example/base", "https://[::1]:8443"])
def test_a_url_with_a_host_is_taken_in_both_places(url: str) -> None:
    assert REQUIRED.validate_python(url) == OPTIONAL.validate_python(url) == url


@pytest.mark.parametrize("url", ["a.example", "https://", "https://a?b", "https://a#b", "https://me@a", "ftp://a", "x"])
def test_anything_else_is_refused_in_both_places(url: str) -> None:
    for adapter in (REQUIRED, OPTIONAL):
        with pytest.raises(ValidationError):
            adapter.validate_python(url)


def test_the_empty_text_is_none_where_a_url_may_be_left_out_and_wrong_where_it_must_stand() -> None:
    assert OPTIONAL.validate_python("") is None
    assert BUNDLE.validate_python("") is None
    with pytest.raises(ValidationError):
        REQUIRED.validate_python("")
