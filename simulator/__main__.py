"""`python -m simulator --port 8110 --data DIR`; everything else comes from `SIMULATOR_...` variables."""

import argparse
import asyncio
import signal
import sys
from pathlib import Path
from types import FrameType

import uvicorn
from pydantic import ValidationError
from typing_extensions import override

from simulator.app import create_app
from simulator.settings import SimulatorSettings


class _Server(uvicorn.Server):
    """Tells the application of a signal at once, so that a hanging answer does not hold up the exit.

    uvicorn raises the signal again after a clean shutdown; ending with status 0 is what a supervisor expects.
    """

    def __init__(self, config: uvicorn.Config, stopping: asyncio.Event) -> None:
        super().__init__(config)
        self._stopping = stopping

    @override
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True
        self._stopping.set()


def read_settings(arguments: list[str]) -> SimulatorSettings:
    """Combine the command line with the environment; a missing value ends the process with one line each."""
    parser = argparse.ArgumentParser(prog="simulator", description=__doc__)
    parser.add_argument("--host")
    parser.add_argument("--port", type=int)
    parser.add_argument("--data", type=Path, help="folder of the durable book")
    given = {name: value for name, value in vars(parser.parse_args(arguments)).items() if value}
    try:
        return SimulatorSettings(**given)
    except ValidationError as error:
        for item in error.errors(include_input=False):
            name = "_".join(str(part) for part in item["loc"]).upper()
            sys.stderr.write(f"simulator: SIMULATOR_{name}: {item['msg']}\n")
        raise SystemExit(2) from None


async def serve(settings: SimulatorSettings) -> None:
    """Serve until SIGTERM or SIGINT."""
    stopping = asyncio.Event()
    config = uvicorn.Config(
        create_app(settings, stopping),
        host=settings.host,
        port=settings.port,
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=2,
    )
    await _Server(config, stopping).serve()


if __name__ == "__main__":
    asyncio.run(serve(read_settings(sys.argv[1:])))
