"""How the demo looks: aligned lines of at most a hundred columns, narrower where the terminal is."""

import re
import textwrap
from typing import Final

from rich.console import Console
from rich.text import Text

_WIDEST: Final = 100
_NARROWEST: Final = 40
_INDENT: Final = 5
_ROOM_FOR_NUMBERS: Final = 16
_ROOM_FOR_PATH: Final = 52
_ID: Final = re.compile(r"(?<=/)[a-z]{3}_[0-9a-f]{32}")


class Page:
    """Writes the story to a terminal or, without colours, to a file."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._width = console.width if console.is_terminal else _WIDEST
        self._width = min(_WIDEST, max(_NARROWEST, self._width))
        self._steps = 0

    def chapter(self, title: str) -> None:
        """Begin a new part of the story."""
        self._write(Text())
        self._write(Text(title, style="bold"))

    def step(self, text: str, request: str, status: int, milliseconds: float, shown: str) -> None:
        """Write one step: what for, status and milliseconds at the right edge; then the request and the id."""
        self._steps += 1
        said = textwrap.wrap(text, self._width - _INDENT - _ROOM_FOR_NUMBERS)
        measured = f"{status}  {milliseconds:6.0f} ms".rjust(_ROOM_FOR_NUMBERS)
        room = self._width - _INDENT - len(measured)
        self._write(Text.assemble((f"{self._steps:3}", "cyan"), f"  {said[0]:<{room}}", measured))
        for more in said[1:]:
            self._write(Text(" " * _INDENT + more))
        short = _ID.sub("{id}", request)
        if self._width == _WIDEST and len(short) < _ROOM_FOR_PATH:
            self._write(Text(f"{'':{_INDENT}}{short:<{_ROOM_FOR_PATH}} {shown}".rstrip(), "dim"))
            return
        self.tell(short)
        if shown:
            self.tell(shown)

    def tell(self, text: str) -> None:
        """Write something between two steps, broken between words."""
        lines = textwrap.wrap(
            text, self._width - _INDENT, break_long_words=False, break_on_hyphens=False
        )
        for line in lines:
            self._write(Text(" " * _INDENT + line, style="dim"))

    def fact(self, text: str, value: object) -> None:
        """Write something that was checked."""
        self._write(Text.assemble(" " * _INDENT, ("\u2713 ", "green"), f"{text}: {value}"))

    def end(self, verdict: str, style: str, rest: str) -> None:
        """Write how it went."""
        self._write(Text())
        self._write(Text.assemble((verdict, f"bold {style}"), rest))

    def _write(self, line: Text) -> None:
        self._console.print(line, soft_wrap=True, highlight=False)
