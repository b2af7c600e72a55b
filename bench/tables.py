"""Markdown tables and plain verdicts."""

from collections.abc import Iterator, Sequence


def verdict(figure: float, bar: float) -> str:
    """Say whether a figure stays within its bar."""
    return "yes" if figure <= bar else "**no**"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Write a Markdown table with a blank line after it; the first column is text, the others figures."""
    yield f"| {' | '.join(heads)} |"
    yield "|---|" + "---:|" * (len(heads) - 1)
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""
