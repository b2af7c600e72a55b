"""A stack that another program runs beside itself, such as a benchmark: the supervisor as its child."""

import asyncio
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from local.process import die_with_parent


async def start_supervisor(
    root: Path, environment: Mapping[str, str], log: Path, *options: str
) -> asyncio.subprocess.Process:
    """Start `up` from a source tree; what it says goes to `log`.

    Ctrl-C reaches the parent only, which then stops the stack; should the parent be killed, the kernel tells the
    supervisor.
    """
    with log.open("wb") as said:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "local", "up"),
            *options,
            cwd=root,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
            preexec_fn=die_with_parent(signal.SIGINT),
        )


async def stop_supervisor(process: asyncio.subprocess.Process, patience_seconds: float) -> None:
    """Stop the stack in order; one that takes longer is killed by its supervisor."""
    if process.returncode is not None:
        return
    process.send_signal(signal.SIGINT)
    try:
        await asyncio.wait_for(process.wait(), patience_seconds)
    except TimeoutError:
        process.send_signal(signal.SIGINT)  # asked twice, the supervisor kills
        await process.wait()
