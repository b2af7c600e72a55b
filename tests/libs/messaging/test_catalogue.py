import json
from pathlib import Path

from libs.messaging.catalogue import breaking_changes_in, stale_files, write_files
from libs.messaging.routing import Routing

ROUTING = Routing.load()


def test_what_was_written_is_current(tmp_path: Path) -> None:
    write_files(ROUTING, tmp_path)
    assert stale_files(ROUTING, tmp_path) == []
    assert breaking_changes_in(tmp_path) == []


def test_missing_changed_and_surplus_files_are_stale_until_written(tmp_path: Path) -> None:
    write_files(ROUTING, tmp_path)
    (tmp_path / "asyncapi.json").unlink()
    (tmp_path / "events.md").write_text("edited by hand")
    (tmp_path / "schemas/order.gone.v1.json").write_text("{}")
    assert stale_files(ROUTING, tmp_path) == [
        "schemas/order.gone.v1.json",
        "asyncapi.json",
        "events.md",
    ]
    write_files(ROUTING, tmp_path)
    assert stale_files(ROUTING, tmp_path) == []


def test_a_committed_schema_that_was_different_is_named(tmp_path: Path) -> None:
    write_files(ROUTING, tmp_path)
    path = tmp_path / "schemas/order.placed.v1.json"
    schema = json.loads(path.read_text())
    schema["properties"]["gift_note"] = {"type": "string"}
    path.write_text(json.dumps(schema))
    assert breaking_changes_in(tmp_path) == ["order.placed.v1: gift_note is gone"]
