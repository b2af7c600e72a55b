"""Starts the function: `python -m edge.authorizer`, as AWS Lambda does."""

import asyncio
from typing import Any

from edge.authorizer.decision import Answer, decide
from edge.authorizer.keys import key_client
from edge.authorizer.runtime import answer_one, runtime_client
from edge.authorizer.settings import AuthorizerSettings
from libs.observability.logging import configure_logging
from libs.security.tokens import JwksCache, TokenVerifier
from libs.settings import read_settings


async def serve(settings: AuthorizerSettings) -> None:
    """Answer requests, one after the other, until the process is ended."""
    async with (
        key_client(settings.jwks_address) as http,
        runtime_client(settings.aws_lambda_runtime_api) as runtime,
    ):
        keys = JwksCache(settings.jwks_url, http)
        verifier = TokenVerifier(keys, settings.issuer, settings.audience)

        async def handle(event: dict[str, Any]) -> Answer:
            try:
                return await decide(verifier, event)
            finally:
                # Lambda freezes the process after the answer: a fetch under way would thaw hours later, timed out.
                await keys.close()

        while True:
            await answer_one(runtime, handle)


def main() -> None:
    """Read the settings and serve; a missing one ends the process with a line that names it."""
    settings = read_settings(AuthorizerSettings)
    configure_logging("authorizer", "INFO", region=settings.aws_region)
    asyncio.run(serve(settings))


if __name__ == "__main__":
    main()
