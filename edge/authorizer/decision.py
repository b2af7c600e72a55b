"""Decides about one request: a policy for whom the token names, a refusal, or no answer because it cannot be known."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from libs.security.errors import InvalidToken
from libs.security.principal import Principal
from libs.security.tokens import TokenVerifier

Answer = dict[str, Any]

_STAGE: Final = re.compile(r"arn:[a-z-]+:execute-api:[a-z0-9-]+:\d{12}:[a-z0-9]+/[A-Za-z0-9_-]+/")
_NOBODY: Final = "nobody"


class Unauthorized(Exception):
    """Nobody introduced themselves: API Gateway answers 401 when a function fails with exactly this word."""

    def __init__(self) -> None:
        super().__init__("Unauthorized")


async def decide(verifier: TokenVerifier, event: Mapping[str, Any]) -> Answer:
    """Answer an authorizer's event of type REQUEST with an IAM policy.

    The policy is for the whole stage, not for the method that was asked for: API Gateway keeps it for a minute by the
    token and would hold it against every other method.

    Raises:
        Unauthorized: no token was sent.
        KeysUnavailable: the token cannot be judged now; API Gateway then answers 503 and keeps nothing.
        ValueError: the event is not what a REQUEST authorizer is sent.
    """
    stage = _stage_of(event)
    sent = list(_sent(event))
    if not sent:
        raise Unauthorized
    try:
        principal = await verifier.verify(_bearer(sent))
    except InvalidToken:
        return _policy("Deny", stage, _NOBODY)
    return _policy("Allow", stage, principal.subject) | {"context": _context(principal)}


def _stage_of(event: Mapping[str, Any]) -> str:
    """Return the resource that stands for every method: arn:aws:execute-api:region:account:api/stage/*."""
    found = _STAGE.match(str(event.get("methodArn")))
    if found is None or event.get("type") != "REQUEST":
        raise ValueError("no event of a REQUEST authorizer: see type and methodArn")
    return f"{found[0]}*"


def _sent(event: Mapping[str, Any]) -> Iterator[str]:
    """Find every value of the header, whatever its spelling: two could mean two things to two readers."""
    headers = event.get("multiValueHeaders") or {
        name: [value] for name, value in (event.get("headers") or {}).items()
    }
    for name, values in headers.items():
        if name.lower() == "authorization":
            yield from values


def _bearer(sent: list[str]) -> str:
    """Return the token of one bearer header (RFC 6750), read as the services read it."""
    scheme, _, token = sent[0].partition(" ")
    token = token.strip()
    if len(sent) > 1 or scheme.lower() != "bearer" or not token or " " in token:
        raise InvalidToken("header")
    return token


def _policy(effect: str, resource: str, principal: str) -> Answer:
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": resource}
    return {
        "principalId": principal,
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
    }


def _context(principal: Principal) -> dict[str, str]:
    """What the access log says of a caller; plain texts, for API Gateway takes nothing else."""
    return {"client": principal.client_id, "homeRegion": principal.home_region}
