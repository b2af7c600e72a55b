"""Lists the metrics our processes show: `python -m tests.deploy.instruments` prints the real text of `/metrics`.

Every instrument the code makes is made here too, with the name and unit found in its source, and shown by the real exporter: so
the names are those Prometheus will see, suffixes included. Needs a process of its own, for OpenTelemetry is set up only once.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from libs.observability.metrics import (
    configure_metrics,
    counter,
    gauge,
    histogram,
    render_metrics,
)
from tests.architecture.applications import ROOT

KINDS: Final = ("counter", "gauge", "histogram")
_HISTOGRAM_UNIT: Final = "s"
_SAMPLE: Final = re.compile(r"^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*?)\})? ", re.MULTILINE)


@dataclass(frozen=True, order=True)
class Instrument:
    """One instrument as the code makes it."""

    kind: str
    name: str
    unit: str


@cache
def instruments() -> tuple[Instrument, ...]:
    """Find the calls of `counter`, `gauge` and `histogram` in everything that runs as a service."""
    return tuple(sorted({one for source in _sources() for one in _instruments_of(source)}))


@cache
def shown_names() -> frozenset[str]:
    """Return the names of the samples on `/metrics`, such as `messaging_publish_lag_seconds_bucket`."""
    command = [sys.executable, "-m", "tests.deploy.instruments"]
    text = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return frozenset(found[1] for found in _SAMPLE.finditer(text))


@cache
def label_names() -> frozenset[str]:
    """Return every label our code gives a metric, as Prometheus writes it."""
    keys = {
        key.value
        for source in _sources()
        if "observability.metrics" in source.read_text()
        or "messaging import metrics" in source.read_text()
        for node in ast.walk(ast.parse(source.read_text()))
        if isinstance(node, ast.Dict)
        for key in node.keys
        if isinstance(key, ast.Constant) and isinstance(key.value, str)
    }
    return frozenset(re.sub(r"[^a-zA-Z0-9_]", "_", key) for key in keys)


def _sources() -> Iterator[Path]:
    for folder in ("libs", "services"):
        for source in (ROOT / folder).rglob("*.py"):
            if "testing" not in source.parts and "migrations" not in source.parts:
                yield source


def _instruments_of(source: Path) -> Iterator[Instrument]:
    tree = ast.parse(source.read_text())
    if not any(
        isinstance(node, ast.ImportFrom) and node.module == "libs.observability.metrics"
        for node in ast.walk(tree)
    ):
        return
    for scope, call in _calls(tree):
        kind = call.func.id if isinstance(call.func, ast.Name) else ""
        unit = next((_text(k.value) for k in call.keywords if k.arg == "unit"), "")
        unit = unit or (_HISTOGRAM_UNIT if kind == "histogram" else "")
        for name in _names(scope, call.args[0]):
            yield Instrument(kind, name, unit)


def _calls(tree: ast.Module) -> Iterator[tuple[ast.AST, ast.Call]]:
    """Every call that makes an instrument, each with the loop it stands in, else with the module."""
    in_loops: set[int] = set()
    for loop in ast.walk(tree):
        if isinstance(loop, ast.For):
            for call in _making([node for line in loop.body for node in ast.walk(line)]):
                in_loops.add(id(call))
                yield _table_of(tree, loop), call
    for call in _making(ast.walk(tree)):
        if id(call) not in in_loops:
            yield tree, call


def _making(nodes: Iterable[ast.AST]) -> Iterator[ast.Call]:
    for node in nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in KINDS:
            yield node


def _table_of(tree: ast.Module, loop: ast.For) -> ast.AST:
    """The table a loop goes over: `for name, ... in table.items()`."""
    target = loop.iter
    assert isinstance(target, ast.Call), ast.unparse(loop.iter)
    assert isinstance(target.func, ast.Attribute), ast.unparse(loop.iter)
    wanted = ast.unparse(target.func.value)
    tables = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == wanted and node.value
    ]
    assert len(tables) == 1, f"no table {wanted} to read the names of metrics from"
    return tables[0]


def _names(scope: ast.AST, argument: ast.expr) -> list[str]:
    if isinstance(argument, ast.Constant):
        return [_text(argument)]
    assert isinstance(scope, ast.Dict), f"a metric's name must be readable: {ast.unparse(argument)}"
    return [_text(key) for key in scope.keys if key is not None]


def _text(node: ast.expr) -> str:
    assert isinstance(node, ast.Constant), ast.unparse(node)
    assert isinstance(node.value, str), ast.unparse(node)
    return node.value


def main() -> None:
    """Make every instrument, give it a value, and print what Prometheus would read."""
    configure_metrics("all", "us-east-1", None)
    for one in instruments():
        match one.kind:
            case "counter":
                counter(one.name, unit=one.unit).add(1)
            case "histogram":
                histogram(one.name, unit=one.unit).record(1)
            case _:
                gauge(one.name, lambda: 1.0, unit=one.unit)
    sys.stdout.write(render_metrics()[0].decode())


if __name__ == "__main__":
    main()
