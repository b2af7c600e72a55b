"""`python -m libs.testing.fault_proxy`: the proxy as a process of its own."""

import argparse
import asyncio
import sys
from collections.abc import Sequence

import uvicorn

from libs.testing.fault_proxy.control import Control, EdgeSpec

_UNIX = "unix:"


def main(arguments: Sequence[str]) -> int:
    """Run until SIGTERM or SIGINT; return the exit status."""
    parser = argparse.ArgumentParser(prog="fault_proxy", description=__doc__)
    parser.add_argument("--control", required=True, help="host:port, or unix:/path")
    parser.add_argument("--seed", type=int, default=0, help="decides on everything random")
    parser.add_argument(
        "--edge", type=EdgeSpec.parse, action="append", default=[], help="name=port:upstream"
    )
    options = parser.parse_args(arguments)
    asyncio.run(_serve(options.control, options.seed, options.edge))
    return 0


async def _serve(address: str, seed: int, edges: Sequence[EdgeSpec]) -> None:
    control = Control(seed)
    await control.open_all(edges)
    try:
        await uvicorn.Server(_config(control, address)).serve()
    finally:
        await control.close()


def _config(control: Control, address: str) -> uvicorn.Config:
    app = control.application()
    if address.startswith(_UNIX):
        return uvicorn.Config(app, uds=address.removeprefix(_UNIX), log_level="warning")
    host, _, port = address.rpartition(":")
    return uvicorn.Config(app, host=host, port=int(port), log_level="warning")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
