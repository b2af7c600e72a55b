"""Where the experiments run: the emulators always, AWS only when somebody says so."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import Final, Literal

from pydantic_settings import BaseSettings

from libs.testing.servers import free_port, running_ministack
from libs.testing.settings import TestEnvironment
from libs.testing.waiting import comes_true

EMULATORS: Final = ("ministack", "moto")
_START_SECONDS: Final = 120


class Chosen(BaseSettings):
    """EMULATOR_CONTRACT_TARGET: `emulators`, or the name of one target; `aws` costs money and needs credentials."""

    emulator_contract_target: Literal["emulators", "ministack", "moto", "aws"] = "emulators"

    def names(self) -> tuple[str, ...]:
        chosen = self.emulator_contract_target
        return EMULATORS if chosen == "emulators" else (chosen,)


@dataclass(frozen=True)
class Target:
    """A place that speaks SNS and SQS; AWS itself has no address of its own."""

    name: str
    endpoint_url: str | None


@contextmanager
def running(name: str) -> Iterator[Target]:
    """Start an emulator, or name AWS."""
    with ExitStack() as stack:
        address: str | None = None
        if name == "ministack":
            address = stack.enter_context(running_ministack(TestEnvironment().ministack_python))
        elif name == "moto":
            address = stack.enter_context(running_moto())
        yield Target(name, address)


@contextmanager
def running_moto() -> Iterator[str]:
    """Run moto as a process of its own: in this one it would replace botocore's transport for everybody."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(process, port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def _wait_for(process: "subprocess.Popen[bytes]", port: int) -> None:
    def listens() -> bool:
        with closing(socket.socket()) as probe:
            probe.settimeout(0.1)
            return probe.connect_ex(("127.0.0.1", port)) == 0

    if not comes_true(listens, _START_SECONDS, process):
        raise TimeoutError("moto did not listen: is its server installed?")
