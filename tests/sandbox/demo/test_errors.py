"""What an error tells whoever reads it."""

from tests.sandbox.demo.making import FALSE

from gpuwright_sandbox.demo.errors import ClaimError, NotSeenError


def test_what_was_not_seen_is_told_beside_what_was() -> None:
    words = str(NotSeenError("plain Ready", "plain False", 60.2))
    assert words == "not within 60 s\nexpected  plain Ready\nseen      plain False"


def test_every_false_claim_is_told() -> None:
    words = str(ClaimError((FALSE, FALSE)))
    assert words.count("not true: it is so\nexpected  yes\nseen      no") == 2
