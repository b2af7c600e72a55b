"""What is checked in is what the table says."""

from pathlib import Path

import pytest

from edge.__main__ import print_kong, write_all
from edge.operations import load_operations
from edge.table import ROOT, load_table
from edge.targets import generated

FILES = generated(load_table(), load_operations())


@pytest.mark.parametrize("path", FILES, ids=str)
def test_a_generated_file_is_current(path: Path) -> None:
    current = (ROOT / path).read_text(encoding="utf-8")
    assert current == FILES[path], f"{path} is stale: run `make edge`"


def test_writing_tells_what_changed_and_touches_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_all(load_table(), tmp_path)
    assert capsys.readouterr().out.count("made  ") == len(FILES)
    one = next(iter(FILES))
    (tmp_path / one).write_text("stale", encoding="utf-8")
    write_all(load_table(), tmp_path)
    assert capsys.readouterr().out == f"changed  {one}\n"
    write_all(load_table(), tmp_path)
    assert not capsys.readouterr().out


@pytest.mark.parametrize("document", [None, "", "[]", '{"keys": [{"kty": "RSA"}]}'])
def test_a_document_without_keys_makes_no_file_for_kong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], document: str | None
) -> None:
    jwks = tmp_path / "jwks.json"
    if document is not None:
        jwks.write_text(document)
    assert print_kong(load_table(), jwks) == 1
    told = capsys.readouterr()
    assert not told.out
    assert "is not what auth answers at /.well-known/jwks.json" in told.err
