"""Tables: rich ones on a terminal, aligned text everywhere else."""

from collections.abc import Sequence
from typing import TextIO

from rich.console import Console
from rich.table import Table

from gpuwright_sandbox.bench.budgets import OVER


def show(title: str, header: Sequence[str], rows: Sequence[Sequence[str]], out: TextIO) -> None:
    """Print a table; every column but the first is aligned to the right."""
    if out.isatty():
        _show_rich(title, header, rows, out)
    else:
        out.write(f"\n{plain(title, header, rows)}\n")
        out.flush()


def plain(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return the table as text without colours, no blanks at the ends of lines."""
    table = [tuple(header), *map(tuple, rows)]
    widths = [max(len(cell) for cell in column) for column in zip(*table, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) if number == 0 else cell.rjust(width) for number, (cell, width) in enumerate(both))
        for both in (tuple(zip(row, widths, strict=True)) for row in table)
    ]
    return "\n".join(line.rstrip() for line in (title, *lines))


def _show_rich(title: str, header: Sequence[str], rows: Sequence[Sequence[str]], out: TextIO) -> None:
    table = Table(title=title, title_justify="left")
    for number, name in enumerate(header):
        table.add_column(name, justify="left" if number == 0 else "right")
    for row in rows:
        table.add_row(*row, style="bold red" if OVER in row else None)
    Console(file=out).print(table)
