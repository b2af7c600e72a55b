"""The proxy's remote control: JSON over HTTP."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from libs.testing.fault_proxy.edge import Edge
from libs.testing.fault_proxy.fault import HEALTHY, Counts, Fault


class EdgeSpec(BaseModel):
    """An edge to open."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    upstream: str
    port: int = 0

    @classmethod
    def parse(cls, text: str) -> "EdgeSpec":
        """Read `name=port:upstream`.

        Raises:
            ValueError: it is written otherwise.
        """
        name, is_there, rest = text.partition("=")
        port, _, upstream = rest.partition(":")
        if not (name and is_there and port.isdigit() and upstream):
            raise ValueError(f"write an edge as name=port:host:port, not {text!r}")
        return cls(name=name, upstream=upstream, port=int(port))


class EdgeState(BaseModel):
    """What the control tells of an edge."""

    name: str
    upstream: str
    port: int
    fault: Fault
    counts: Counts


class Control:
    """The open edges of one process, by name."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._edges: dict[str, Edge] = {}
        self._open = AsyncExitStack()

    async def add(self, spec: EdgeSpec) -> Edge:
        """Open an edge; one of this name must not exist."""
        if spec.name in self._edges:
            raise ValueError(f"there is an edge {spec.name} already")
        edge = Edge(spec.name, spec.upstream, port=spec.port, seed=self._seed)
        self._edges[spec.name] = await self._open.enter_async_context(edge)
        return edge

    async def open_all(self, specs: Sequence[EdgeSpec]) -> None:
        """Open the edges a process starts with."""
        for spec in specs:
            await self.add(spec)

    async def close(self) -> None:
        """Close every edge."""
        await self._open.aclose()

    def application(self) -> Starlette:
        """Return the HTTP side; see the package for its paths."""
        return Starlette(
            routes=[
                Route("/livez", self._livez),
                Route("/edges", self._list),
                Route("/edges/fault", self._heal_all, methods=["DELETE"]),
                Route("/edges/{name}", self._add, methods=["PUT"]),
                Route("/edges/{name}/fault", self._fault, methods=["PUT", "DELETE"]),
            ],
            exception_handlers={
                ValidationError: _explain,
                ValueError: _explain,
                KeyError: _unknown,
            },
        )

    async def _livez(self, _: Request) -> Response:
        return JSONResponse({"status": "alive"})

    async def _list(self, _: Request) -> Response:
        return JSONResponse([_state(edge) for edge in self._edges.values()])

    async def _add(self, request: Request) -> Response:
        body = {**await request.json(), "name": request.path_params["name"]}
        return JSONResponse(_state(await self.add(EdgeSpec.model_validate(body))), 201)

    async def _fault(self, request: Request) -> Response:
        edge = self._edges[request.path_params["name"]]
        fault = HEALTHY
        if request.method == "PUT":
            fault = Fault.model_validate_json(await request.body())
        await edge.apply(fault)
        return JSONResponse(_state(edge))

    async def _heal_all(self, _: Request) -> Response:
        for edge in self._edges.values():
            await edge.heal()
        return Response(status_code=204)


def _state(edge: Edge) -> dict[str, Any]:
    state = EdgeState(
        name=edge.name,
        upstream=edge.upstream,
        port=edge.port,
        fault=edge.fault,
        counts=edge.counts,
    )
    return state.model_dump()


def _explain(_: Request, error: Exception) -> Response:
    return JSONResponse({"detail": str(error)}, 422)


def _unknown(_: Request, error: Exception) -> Response:
    return JSONResponse({"detail": f"no edge is called {error}"}, 404)
