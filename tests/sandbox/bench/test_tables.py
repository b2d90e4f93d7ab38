"""Tables."""

import io

from gpuwright_sandbox.bench import tables

ROWS = [("CPU", "5", "over"), ("memory", "150", "")]


class Terminal(io.StringIO):
    """Says that it is one."""

    def isatty(self) -> bool:
        """Return True."""
        return True


def test_plain_text_is_aligned_and_has_no_blanks_at_the_end() -> None:
    assert tables.plain("title", ("", "ours", ""), ROWS) == "title\n        ours\nCPU        5  over\nmemory   150"


def test_what_is_no_terminal_gets_plain_text() -> None:
    out = io.StringIO()
    tables.show("title", ("", "ours", ""), ROWS, out)
    assert out.getvalue() == f"\n{tables.plain('title', ('', 'ours', ''), ROWS)}\n"


def test_a_terminal_gets_a_drawn_table() -> None:
    out = Terminal()
    tables.show("title", ("", "ours", ""), ROWS, out)
    assert all(cell in out.getvalue() for cell in ("title", "memory", "150", "┃"))
