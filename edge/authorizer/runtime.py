"""AWS Lambda's Runtime API (version 2018-06-01): take a request, answer it, take the next. Lambda ends the process."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

import httpx

from libs.observability.logging import get_logger

_VERSION: Final = "2018-06-01"
_REQUEST_ID: Final = "Lambda-Runtime-Aws-Request-Id"

_log = get_logger(__name__)

Handler = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


def runtime_client(address: str) -> httpx.AsyncClient:
    """Open a client of the Runtime API at host and port; a request may take days to come, so nothing times out."""
    return httpx.AsyncClient(
        base_url=f"http://{address}/{_VERSION}/runtime/",
        timeout=httpx.Timeout(None),
        trust_env=False,
    )


async def answer_one(runtime: httpx.AsyncClient, handle: Handler) -> None:
    """Take one request and answer it; a handler that fails is told to Lambda, which lets nobody in.

    Raises:
        httpx.HTTPError: the Runtime API is gone or refuses: Lambda starts the process again.
    """
    taken = (await runtime.get("invocation/next")).raise_for_status()
    invocation = f"invocation/{taken.headers[_REQUEST_ID]}"
    try:
        answer = await handle(taken.json())
    except Exception as error:  # noqa: BLE001 - whatever it was, nobody is let in and the next request is taken
        _log.warning("authorizer_gave_no_answer", exc_info=error)
        told = {"errorMessage": str(error), "errorType": type(error).__name__}
        (await runtime.post(f"{invocation}/error", json=told)).raise_for_status()
        return
    (await runtime.post(f"{invocation}/response", json=answer)).raise_for_status()
