"""Rules about files that no linter knows: sizes, names, where a transaction ends, where imports stand."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.applications import ROOT

LONGEST_FILE = 300
LONGEST_FUNCTION = 40
LONGEST_MAIN = 30
FORBIDDEN_NAMES = {"utils.py", "common.py", "helpers.py", "util.py", "misc.py"}
MAY_END_TRANSACTIONS = ("libs/database/", "libs/messaging/", "libs/idempotency/", "libs/testing/")
SHIPPED = ("libs", "services", "simulator", "edge", "local", "bench", "torture", "deploy/terraform")

SOURCES = sorted(
    path.relative_to(ROOT)
    for folder in SHIPPED
    for path in (ROOT / folder).rglob("*.py")
    if "migrations/versions" not in path.as_posix()
)


TESTS = sorted(path.relative_to(ROOT) for path in (ROOT / "tests").rglob("*.py"))


def parsed(source: Path) -> ast.Module:
    return ast.parse((ROOT / source).read_text(), filename=str(source))


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count a function's lines without its docstring."""
    last = function.end_lineno or function.lineno
    first = function.body[0]
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    docstring = (first.end_lineno or first.lineno) - first.lineno + 1 if documented else 0
    return last - function.lineno + 1 - docstring


@pytest.mark.parametrize("source", [*SOURCES, *TESTS], ids=str)
def test_no_file_outgrows_a_reader(source: Path) -> None:
    lines = (ROOT / source).read_text().count("\n")
    assert lines <= LONGEST_FILE, f"{source} has {lines} lines: split it by what its parts are for"


@pytest.mark.parametrize("source", SOURCES, ids=str)
def test_no_function_outgrows_a_reader(source: Path) -> None:
    long = [
        f"{f.name} ({length(f)})" for f in functions(parsed(source)) if length(f) > LONGEST_FUNCTION
    ]
    assert not long, f"{source}: functions over {LONGEST_FUNCTION} lines: {', '.join(long)}"


@pytest.mark.parametrize("source", SOURCES, ids=str)
def test_imports_stand_at_the_top_and_are_real(source: Path) -> None:
    tree = parsed(source)
    inside = [
        f"line {node.lineno}"
        for function in functions(tree)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert not inside, f"{source}: imports inside functions hide cycles: {inside}"
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert "TYPE_CHECKING" not in names, f"{source}: TYPE_CHECKING hides a cycle"


@pytest.mark.parametrize("source", SOURCES, ids=str)
def test_only_the_transaction_owners_commit_or_roll_back(source: Path) -> None:
    if source.as_posix().startswith(MAY_END_TRANSACTIONS) or source.parts[0] in {
        "simulator",
        "local",
        "bench",
    }:
        return
    calls = [
        f"line {node.lineno}"
        for node in ast.walk(parsed(source))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"commit", "rollback"}
    ]
    assert not calls, f"{source}: transactions end in libs.database, not here: {calls}"


def test_no_file_has_a_name_that_says_nothing() -> None:
    nameless = [str(source) for source in SOURCES if source.name in FORBIDDEN_NAMES]
    assert not nameless, f"name the file after what it holds: {nameless}"


@pytest.mark.parametrize("service", ["auth", "user", "product", "cart", "order", "payment"])
def test_the_wiring_of_a_service_fits_on_a_screen(service: str) -> None:
    main = (ROOT / "services" / service / "main.py").read_text()
    assert main.count("\n") <= LONGEST_MAIN


@pytest.mark.parametrize("source", SOURCES, ids=str)
def test_every_module_says_what_it_is_for(source: Path) -> None:
    assert ast.get_docstring(parsed(source)), f"{source} has no docstring"
