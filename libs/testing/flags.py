"""A file of feature flags that a test turns on and off."""

import json
from pathlib import Path


class FlagsFile:
    """What `FLAGS` of a service under test names; there is no file before the first `turn` or `write`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def place(self) -> str:
        """The value of the setting `FLAGS`."""
        return f"file:{self._path}"

    def turn(self, **states: bool) -> None:
        """Say which flags are on, and nothing of any other."""
        self.write(json.dumps({name: {"enabled": on} for name, on in states.items()}))

    def write(self, text: str) -> None:
        """Write this, whatever it is."""
        self._path.write_text(text, encoding="utf-8")

    def remove(self) -> None:
        """Have no file any more."""
        self._path.unlink()
