"""A bearer token: the header that carries it, and that it shows itself nowhere else."""

from gpuwright.adapters.bearer import BearerToken


def test_the_header_carries_it() -> None:
    assert BearerToken("s3cret").header == {"authorization": "Bearer s3cret"}


def test_it_is_not_shown_by_accident() -> None:
    assert "s3cret" not in repr(BearerToken("s3cret")) + str(BearerToken("s3cret"))
