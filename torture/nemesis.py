"""Carries out the plan's faults, each once its number of checkouts has ended. Touches only processes of its own stack."""

import asyncio
import contextlib
import random
import signal
import sys
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Final

import httpx
import psutil

from libs.testing.fault_proxy.fault import Fault as WireFault
from libs.testing.fault_proxy.process import FaultProxy
from torture.faults import Act, Fault
from torture.history import Recorder
from torture.stack import Site

_LOOK_SECONDS: Final = 0.2
_LOOKS: Final = 150
_REPUBLISH_SECONDS: Final = 60.0

_TROUBLES: Final = {
    "slow": WireFault(latency_seconds=0.8, jitter_seconds=0.8),
    "drip": WireFault(bytes_per_second=400, share=0.5),
    "reset": WireFault(reset=True, share=0.5),
    "blackhole": WireFault(blackhole=True),
    "refuse": WireFault(refuse=True),
    "cut": WireFault(limit_bytes=200, share=0.5),
}


@dataclass
class Nemesis:
    """The one who breaks things.

    Args:
        started_at: since when messages are sent again by a republish.
        seed: decides which of PostgreSQL's backends is hit.
    """

    site: Site
    proxy: FaultProxy
    recorder: Recorder
    started_at: datetime
    seed: int
    done: list[Fault] = field(default_factory=list)
    missed: list[Fault] = field(default_factory=list)

    async def carry_out(self, fault: Fault) -> None:
        """Do one fault to its end: a pause is over when this returns."""
        worked = False
        match fault.act:
            case Act.KILL:
                worked = await self._signal(fault.target, signal.SIGKILL)
            case Act.TERMINATE:
                worked = await self._signal(fault.target, signal.SIGTERM)
            case Act.CRASH_SERVER:
                worked = await self._signal(fault.target, signal.SIGQUIT)
            case Act.PAUSE:
                worked = await self._pause(fault)
            case Act.CRASH_BACKEND:
                worked = await self._crash_backend(fault)
            case Act.WIRE:
                worked = await self._trouble(fault)
            case Act.REPUBLISH:
                worked = await self._republish()
        self.recorder.note(str(fault.act), {**asdict(fault), "worked": worked})
        (self.done if worked else self.missed).append(fault)

    async def _process(self, part: str) -> psutil.Process | None:
        """Find the part's process, waiting while it is on its way back from the fault before."""
        for _ in range(_LOOKS):
            if process := self.site.process(part):
                return process
            await asyncio.sleep(_LOOK_SECONDS)
        return None

    async def _signal(self, part: str, number: signal.Signals) -> bool:
        with contextlib.suppress(psutil.NoSuchProcess):
            process = await self._process(part)
            if process is not None:
                process.send_signal(number)
                return True
        return False

    async def _pause(self, fault: Fault) -> bool:
        if not await self._signal(fault.target, signal.SIGSTOP):
            return False
        try:
            await asyncio.sleep(fault.seconds)
        finally:
            process = self.site.process(fault.target)
            if process is not None:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.send_signal(signal.SIGCONT)
        return True

    async def _crash_backend(self, fault: Fault) -> bool:
        draw = random.Random(f"{self.seed} {fault.after}")  # noqa: S311 - drawn again by the same seed
        with contextlib.suppress(psutil.NoSuchProcess):
            server = await self._process(fault.target)
            backends = [one for one in server.children() if _serves_a_client(one)] if server else []
            if backends:
                draw.choice(backends).kill()
                return True
        return False

    async def _trouble(self, fault: Fault) -> bool:
        with contextlib.suppress(httpx.HTTPError):
            await asyncio.to_thread(self.proxy.apply, fault.target, _TROUBLES[fault.how])
            try:
                await asyncio.sleep(fault.seconds)
            finally:
                await asyncio.shield(asyncio.to_thread(self.proxy.heal, fault.target))
            return True
        return False

    async def _republish(self) -> bool:
        since = self.started_at.isoformat()
        tool = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "local", "republish", "--since", since),
            cwd=self.site.root,
            env=self.site.environment(self.proxy),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        with contextlib.suppress(TimeoutError):
            return await asyncio.wait_for(tool.wait(), _REPUBLISH_SECONDS) == 0
        tool.kill()
        await tool.wait()
        return False


def _serves_a_client(backend: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return "shop_" in " ".join(backend.cmdline())
    return False
