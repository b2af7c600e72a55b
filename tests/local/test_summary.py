"""The table of addresses, which people copy from."""

from pathlib import Path

import pytest

from local.paths import Paths
from local.settings import StackSettings
from local.summary import address_table


def test_an_address_is_never_cut_however_long_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    home = Path("/home/somebody/with a long name/and/a/deep/folder/in/which/meridian/was/cloned")
    address_table(StackSettings(), Paths(home))
    lines = capsys.readouterr().out.splitlines()
    assert any(line.endswith(f"  {home / 'secrets' / 'admin-password'}") for line in lines)
    assert lines[0].split("  ")[0] == "shop (gateway)"
    assert [line for line in lines if line != line.rstrip()] == []
