"""What sessions have begun ends with them, because one function ends both and nobody goes around it."""

import ast
from pathlib import Path

from tests.architecture.applications import ROOT

ENDING = "services/auth/service/ending.py"


def callers_of(name: str) -> set[str]:
    """Return the files of auth that call a method of this name."""
    return {
        source.relative_to(ROOT).as_posix()
        for source in Path(ROOT / "services/auth").rglob("*.py")
        for node in ast.walk(ast.parse(source.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == name
    }


def test_sessions_end_together_in_one_place_with_all_they_have_begun() -> None:
    assert callers_of("revoke_all") == {ENDING}
    assert "services/auth/service/administration.py" in callers_of("begin"), "calls are found"
