"""What the charts render changes only where somebody saw it change."""

import pytest

from tests.deploy.golden import FOLDER, file_of, names, snapshot


@pytest.mark.parametrize("name", names())
def test_the_charts_render_what_was_reviewed(name: str) -> None:
    path = file_of(name)
    assert path.exists(), "a new snapshot: run `make golden` and read it"
    kept = path.read_text()
    assert kept.strip(), "this option changes nothing"
    assert snapshot(name) == kept, "run `make golden` and read the difference"


def test_every_snapshot_is_of_something() -> None:
    assert set(FOLDER.glob("*.yaml")) == {file_of(name) for name in names()}
