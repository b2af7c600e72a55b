"""The yardstick for reads: one FastAPI route that does nothing, served as the services are."""

import sys
from typing import Annotated

import uvicorn
from fastapi import FastAPI, Path

app = FastAPI(openapi_url=None)


@app.get("/items/{item_id}")
async def get_item(item_id: Annotated[str, Path()]) -> dict[str, str]:
    """Answer without looking anything up."""
    return {"item_id": item_id}


if __name__ == "__main__":
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        ws="none",
        log_level="warning",
        access_log=False,
    )
