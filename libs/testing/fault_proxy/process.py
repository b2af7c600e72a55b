"""A fault proxy in a process of its own, and its remote control for tests."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

from libs.testing.fault_proxy.control import EdgeState
from libs.testing.fault_proxy.fault import Fault
from libs.testing.processes import start_process
from libs.testing.servers import free_port


class FaultProxy:
    """Switches the edges of a running proxy.

    Raises:
        httpx.HTTPStatusError: from every method, when the proxy does not know the edge or the fault.
    """

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def add(self, name: str, upstream: str, *, port: int = 0) -> int:
        """Open an edge and return its port."""
        return self._sent("PUT", f"/edges/{name}", {"upstream": upstream, "port": port}).port

    def apply(self, name: str, fault: Fault) -> None:
        """Have this fault on the edge from now on."""
        self._sent("PUT", f"/edges/{name}/fault", fault.model_dump(exclude_defaults=True))

    def heal(self, name: str) -> None:
        """Have the edge only forward."""
        self._sent("DELETE", f"/edges/{name}/fault", None)

    def heal_all(self) -> None:
        """Have every edge only forward."""
        self._http.delete("/edges/fault").raise_for_status()

    def edges(self) -> Mapping[str, EdgeState]:
        """Return every edge's port, fault and counts, by name."""
        answer = self._http.get("/edges").raise_for_status()
        states = [EdgeState.model_validate(one) for one in answer.json()]
        return {state.name: state for state in states}

    def _sent(self, method: str, path: str, body: object) -> EdgeState:
        answer = self._http.request(method, path, json=body).raise_for_status()
        return EdgeState.model_validate_json(answer.content)


@contextmanager
def running_fault_proxy(
    upstreams: Mapping[str, str], log_file: Path, *, seed: int = 0
) -> Iterator[FaultProxy]:
    """Run a proxy with one edge for each upstream, by name, on free ports."""
    control = f"127.0.0.1:{free_port()}"
    edges = [f"--edge={name}=0:{upstream}" for name, upstream in upstreams.items()]
    arguments = ["-m", "libs.testing.fault_proxy", f"--control={control}", f"--seed={seed}", *edges]
    process = start_process(arguments, {}, f"http://{control}", log_file)
    try:
        with httpx.Client(base_url=process.url, trust_env=False, timeout=10) as http:
            yield FaultProxy(http)
    finally:
        process.kill()
