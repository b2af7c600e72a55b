"""More API processes beside those of a running stack, with the very same environment but their own port."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from libs.testing.processes import ServiceProcess, start_process
from tests.e2e.stack import Stack


@contextmanager
def replicas(stack: Stack, service: str, count: int) -> Iterator[list[ServiceProcess]]:
    """Run `count` further API processes of a service and stop them afterwards."""
    started: list[ServiceProcess] = []
    try:
        for _ in range(count):
            started.append(_replica(stack, service, len(started)))
        yield started
    finally:
        for one in started:
            if one.process.poll() is None:
                one.stop()


def _replica(stack: Stack, service: str, number: int) -> ServiceProcess:
    port = free_port()
    environment = {
        **psutil.Process(stack.pid_of(service)).environ(),
        "ROLE": "api",
        "PORT": str(port),
    }
    log_file = stack.home / f"{service}-replica-{number}.log"
    arguments = ["-m", f"services.{service}.main"]
    return start_process(arguments, environment, f"http://127.0.0.1:{port}", log_file)


def url_of(stack: Stack, service: str) -> str:
    """Return the address of the stack's own process of a service, past the gateway."""
    port = psutil.Process(stack.pid_of(service)).environ()["PORT"]
    return f"http://127.0.0.1:{port}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
