"""What every route works with."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from simulator.engine import Engine
from simulator.offload import Offload
from simulator.reading import Reading


@dataclass(frozen=True)
class Parts:
    """What the routes work with; put on `app.state` at start."""

    engine: Engine
    reading: Reading
    offload: Offload
    api_key: str


def _parts(request: Request) -> Parts:
    parts: Parts = request.app.state.parts
    return parts


PartsDep = Annotated[Parts, Depends(_parts)]
