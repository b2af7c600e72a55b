"""Prints what is being done and how long each step took, one line per step."""

import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from local.process import die_with_parent
from local.refusal import Refusal

_LAST_WORDS = 400


class Progress:
    """Counts the seconds since the start; steps that run side by side print as they finish."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def say(self, text: str) -> None:
        """Print one line at once, stamped with the seconds since the start."""
        # The terminal may be gone; the stack must still stop in order.
        with contextlib.suppress(OSError):
            sys.stdout.write(f"{self.seconds:6.1f}s  {text}\n")
            sys.stdout.flush()

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._began

    @asynccontextmanager
    async def step(self, text: str) -> AsyncIterator[None]:
        """Print `text` with its own duration once the block went through."""
        began = time.monotonic()
        yield
        self.done(text, time.monotonic() - began)

    def done(self, text: str, seconds: float) -> None:
        """Print what is finished and how long it took."""
        self.say(f"{text:<54} {seconds:5.1f}s")


async def run_tool(
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    folder: Path,
    log: Path,
    text: str = "",
    show: bool = False,
) -> str:
    """Run a command to its end and return what it printed.

    `text` is its standard input; with `show` its standard error, perhaps a progress bar, reaches the terminal.

    Raises:
        Refusal: it failed; the sentence quotes its last words.
    """
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=None if show else asyncio.subprocess.PIPE,
        env=dict(environment),
        cwd=folder,
        start_new_session=True,
        preexec_fn=die_with_parent(signal.SIGKILL),
    )
    try:
        output, errors = await process.communicate(text.encode())
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    with log.open("ab") as file:
        file.write(output + (errors or b""))
    if process.returncode:
        words = " ".join((errors or output).decode(errors="replace").split())[-_LAST_WORDS:]
        raise Refusal(f"`{_spoken(command)}` failed: {words or 'it said nothing'} (see {log})")
    return output.decode(errors="replace")


def _spoken(command: Sequence[str]) -> str:
    """Write the command as a developer would type it."""
    return " ".join(["python", *command[1:]]) if command[0] == sys.executable else " ".join(command)
