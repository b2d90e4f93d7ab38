"""`python -m tests.campaign.mutants.page`: write docs/mutants.md, the table of what is tried in L6."""

import sys
from collections.abc import Iterator

from tests.campaign.mutants.catalogue import MUTANTS
from tests.campaign.mutants.mutant import ROOT, Mutant
from tests.campaign.mutants.scenes import SCENES

PAGE = ROOT / "docs" / "mutants.md"
_HEAD = """\
# Mutants

Mistakes that operators of this kind are known for. L6 of the [fault campaign](campaign.md) puts them into a copy of
ours, one at a time, by replacing exact pieces of its text (a piece that is not there any more is an error), and each
must be caught by the name of the invariant that it breaks. What catches it finds nothing in the operator as it is; that
is tried, too.

```
python -m tests.campaign --level L6                # all; some minutes
python -m tests.campaign --level L6 --replay M7    # one, with what caught it
```

A point of L1 is one that `--level L1 --replay` takes. A scene is a run of the whole operator in virtual time that L1's
workflows do not have ([`tests/campaign/mutants/scenes.py`](../tests/campaign/mutants/scenes.py)). Some mistakes belong
to things that are not used here, such as kopf's `patch.status`; then the nearest one that can be made here is tried.

"""
_FOOT = "\nWritten by `python -m tests.campaign.mutants.page`.\n"


def page() -> str:
    """Return the page."""
    return _HEAD + "\n".join(_rows()) + "\n" + _FOOT


def _rows() -> Iterator[str]:
    yield "| mutant | known as | what is changed here | in | breaks | caught by |"
    yield "|" + "---|" * 6
    for mutant in MUTANTS:
        files = ", ".join(f"`{path}`" for path in dict.fromkeys(change.path for change in mutant.changes))
        cells = [mutant.id, mutant.known, mutant.here, files, mutant.invariant, _killer(mutant)]
        yield "| " + " | ".join(cells) + " |"


def _killer(mutant: Mutant) -> str:
    kind, _space, what = mutant.killer.partition(" ")
    if kind == "scene":
        words = (SCENES[what].play.__doc__ or "").split(". ")[0].rstrip(".").replace("\n   ", "")
        return f"scene `{what}`: {words}"
    return f"`{what.rpartition('::')[2]}`" if kind == "pytest" else f"{kind} `{what}`"


def main() -> int:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
