"""An authorization request (RFC 6749 section 4.1.1, OpenID Connect Core 1.0 section 3.1.2.1), read and judged."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from services.auth.domain.oauth.parameters import Parameters, words
from services.auth.domain.oauth.pkce import METHOD, is_challenge
from services.auth.errors import OAuthError

LONGEST_OPAQUE: Final = 1_000
"""How long `state` and `nonce` may be: we carry them and never look inside."""

_PROMPTS: Final = frozenset({"none", "login", "consent", "select_account"})
_SECONDS: Final = re.compile(r"[0-9]{1,9}", re.ASCII)
_UNSUPPORTED: Final = {
    "request": "request_not_supported",
    "request_uri": "request_uri_not_supported",
    "registration": "registration_not_supported",
}
_PRINTABLE: Final = re.compile(r"[ -~]*", re.ASCII)


@dataclass(frozen=True)
class Registration:
    """What of a client's registration decides over its requests."""

    scopes: Collection[str]
    audiences: Sequence[str]
    """The first one is for requests that name none."""


@dataclass(frozen=True)
class AuthorizationRequest:
    """What an application asks the person in front of the browser for."""

    scopes: tuple[str, ...]
    audience: str
    nonce: str | None
    code_challenge: str
    prompt: frozenset[str]
    max_age: int | None
    acr_values: tuple[str, ...]

    @property
    def silent(self) -> bool:
        """True when no page may be shown."""
        return "none" in self.prompt

    @property
    def wants_login(self) -> bool:
        """True when whoever is logged in has to prove it anew."""
        return bool({"login", "select_account"} & self.prompt)


def read_request(parameters: Parameters, client: Registration) -> AuthorizationRequest:
    """Judge a request of a known client with a known address to send the answer to.

    Raises:
        OAuthError: what the client is told there.
    """
    _check_kind(parameters)
    for name in ("state", "nonce"):
        value = parameters.get(name, "")
        if len(value) > LONGEST_OPAQUE or not _PRINTABLE.fullmatch(value):
            raise OAuthError("invalid_request", f"{name} is too long or not printable ASCII")
    return AuthorizationRequest(
        scopes=requested_scopes(parameters, client),
        audience=requested_audience(parameters, client),
        nonce=parameters.get("nonce"),
        code_challenge=_challenge(parameters),
        prompt=_prompt(parameters),
        max_age=_max_age(parameters),
        acr_values=words(parameters, "acr_values"),
    )


def requested_scopes(parameters: Parameters, client: Registration) -> tuple[str, ...]:
    """Return the scopes asked for.

    Raises:
        OAuthError: none, or one the client may not have; `invalid_scope`.
    """
    scopes = words(parameters, "scope")
    if not scopes or not set(scopes) <= set(client.scopes):
        raise OAuthError("invalid_scope", "ask for scopes this client is registered for")
    return scopes


def requested_audience(parameters: Parameters, client: Registration) -> str:
    """Return whom the tokens shall be for (RFC 8707).

    Raises:
        OAuthError: nobody this client may get tokens for; `invalid_target`.
    """
    audience = parameters.get("resource", client.audiences[0])
    if audience not in client.audiences:
        raise OAuthError("invalid_target", "this client gets no tokens for that resource")
    return audience


def _check_kind(parameters: Parameters) -> None:
    for name, error in _UNSUPPORTED.items():
        if name in parameters:
            raise OAuthError(error, f"{name} is not supported here")
    if "response_type" not in parameters:
        raise OAuthError("invalid_request", "response_type is required")
    if parameters["response_type"] != "code":
        raise OAuthError("unsupported_response_type", "only the code flow is supported")
    if parameters.get("response_mode", "query") != "query":
        raise OAuthError("invalid_request", "only the response mode query is supported")


def _challenge(parameters: Parameters) -> str:
    challenge = parameters.get("code_challenge", "")
    if parameters.get("code_challenge_method") != METHOD or not is_challenge(challenge):
        raise OAuthError(
            "invalid_request", "PKCE is required: code_challenge with code_challenge_method S256"
        )
    return challenge


def _prompt(parameters: Parameters) -> frozenset[str]:
    prompt = frozenset(words(parameters, "prompt"))
    if not prompt <= _PROMPTS or ("none" in prompt and len(prompt) > 1):
        raise OAuthError("invalid_request", "prompt is none, or of login, consent, select_account")
    return prompt


def _max_age(parameters: Parameters) -> int | None:
    seconds = parameters.get("max_age")
    if seconds is None:
        return None
    if not _SECONDS.fullmatch(seconds):
        raise OAuthError("invalid_request", "max_age is a number of seconds")
    return int(seconds)
