"""`up`: checks the machine, starts the stack, supervises it, and stops it on Ctrl-C, SIGTERM or hang-up."""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from local.checks import check_addresses, check_disk, check_ports
from local.credentials import load_credentials
from local.environments import Environments
from local.logs import rotate_logs, trim_logs
from local.parts import check_programs
from local.paths import Paths
from local.progress import Progress
from local.refusal import Refusal
from local.seed.load import seed_if_empty
from local.settings import StackSettings, checked_parts, service_overrides
from local.startup import Startup
from local.state import Snapshot, StateFile, end_leftovers, instance_lock, record_of
from local.summary import address_table

_TRIM_EVERY_SECONDS = 60.0


def up(settings: StackSettings, *, split: bool) -> int:
    """Run the stack until told to stop; return the exit status.

    Raises:
        Refusal: it could not be started.
    """
    paths = Paths(settings.meridian_home.resolve())
    paths.create()
    with instance_lock(paths):
        state = StateFile(paths.state)
        previous = state.read()
        progress = Progress()
        for name in end_leftovers(list(previous.parts.values())):
            progress.say(f"{name}: ended, left over from a supervisor that was killed")
        check_disk(paths.home)
        check_ports(checked_parts(settings, split=split))
        check_addresses(settings.given_addresses)
        environments = Environments(settings, paths, load_credentials(paths), service_overrides())
        check_programs(environments)
        rotate_logs(paths)
        state.write(
            Snapshot(record_of("supervisor", os.getpid()), {}, previous.emulator_since, clean=False)
        )
        supervisor = _Supervisor(environments, progress, state, previous)
        return asyncio.run(supervisor.run(split=split))


class _Supervisor:
    def __init__(
        self, environments: Environments, progress: Progress, state: StateFile, previous: Snapshot
    ) -> None:
        self._environments = environments
        self._settings = environments.settings
        self._paths = environments.paths
        self._progress = progress
        self._state = state
        self._startup = Startup(environments, progress, state, previous=previous)
        self._told_to_stop = asyncio.Event()

    async def run(self, *, split: bool) -> int:
        with self._signals():
            start = asyncio.create_task(self._start(split=split))
            told = asyncio.create_task(self._told_to_stop.wait())
            try:
                await asyncio.wait({start, told}, return_when=asyncio.FIRST_COMPLETED)
                if start.done():
                    await start
                    await self._watch(told)
            except* Refusal as refusals:
                raise _first_of(refusals) from None
            finally:
                start.cancel()
                told.cancel()
                await asyncio.gather(start, told, return_exceptions=True)
                await self._stop()
        return 0

    async def _start(self, *, split: bool) -> None:
        await self._startup.run(split=split)
        await seed_if_empty(self._environments, self._progress)
        self._progress.say(f"Meridian is up after {self._progress.seconds:.1f} s.")
        address_table(self._settings, self._paths)
        await self._startup.recover()

    async def _watch(self, told: asyncio.Task[bool]) -> None:
        while not told.done():
            await asyncio.wait({told}, timeout=_TRIM_EVERY_SECONDS)
            await asyncio.to_thread(trim_logs, self._paths)

    async def _stop(self) -> None:
        self._progress.say("Stopping ...")
        await self._startup.stack.stop()
        self._state.write(
            replace(self._state.now, supervisor=None, parts={}, clean=self._startup.recovered)
        )
        self._progress.say("Stopped; nothing is left running.")

    @contextmanager
    def _signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._on_signal)
        yield

    def _on_signal(self) -> None:
        if self._told_to_stop.is_set():
            self._startup.stack.kill()  # asked twice: somebody is in a hurry
        self._told_to_stop.set()


def _first_of(group: BaseExceptionGroup[Refusal]) -> Refusal:
    first = group.exceptions[0]
    return _first_of(first) if isinstance(first, BaseExceptionGroup) else first
