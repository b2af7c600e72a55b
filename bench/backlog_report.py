"""What the page says about a backlog of messages."""

from collections.abc import Iterator

from bench.backlog import STEADY_PER_SECOND, STEADY_SECONDS, Backlog
from bench.figures import percentile
from bench.tables import table

PUBLISHED_BAR_PER_SECOND = 400.0
CONSUMED_BAR_PER_SECOND = 100.0
LAG_BAR_SECONDS = 2.0


def backlog_lines(backlog: Backlog | None) -> Iterator[str]:
    """Write the section, or nothing if it was not measured."""
    if backlog is None:
        return
    yield "## A backlog of messages"
    yield ""
    yield (
        f"{backlog.count} events of as many aggregates lie in product's outbox. First product's worker publishes them"
        " while nobody reads, then cart's worker consumes them with its real handler: one process each, five"
        " transactions at a time, PostgreSQL with fsync on. Then"
        f" {STEADY_PER_SECOND} events per second are written, published and consumed for {STEADY_SECONDS} s. The"
        " emulator looks at every message of a queue for each call, so ten times the backlog would measure the"
        " emulator; the relay's own part does not depend on the backlog's size."
    )
    yield ""
    rows = [
        _rate("published per second", backlog.published_per_second, PUBLISHED_BAR_PER_SECOND),
        _rate("consumed per second", backlog.consumed_per_second, CONSUMED_BAR_PER_SECOND),
        _lag("from commit to published, p99 s", percentile(backlog.published_lags, 99)),
        _lag("from commit to consumed, p99 s", percentile(backlog.consumed_lags, 99)),
    ]
    yield from table(("", "figure", "bar", "met"), rows)


def _rate(name: str, figure: float, bar: float) -> tuple[str, str, str, str]:
    return name, f"{figure:.0f}", f">= {bar:.0f}", "yes" if figure >= bar else "**no**"


def _lag(name: str, seconds: float) -> tuple[str, str, str, str]:
    met = "yes" if seconds <= LAG_BAR_SECONDS else "**no**"
    return name, f"{seconds:.2f}", f"<= {LAG_BAR_SECONDS:g}", met
