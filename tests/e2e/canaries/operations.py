"""Every operation there is, and everything a client can write into it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from libs.topology import SERVICES
from tests.architecture.applications import application_of
from tests.architecture.authorization import rows
from tests.e2e.canaries.marks import Place
from tests.e2e.canaries.shapes import resolved, texts_of, variants

FORM: Final = "application/x-www-form-urlencoded"

_AUTHORIZE: Final = (
    "response_type", "client_id", "redirect_uri", "scope", "state", "nonce", "resource", "prompt", "max_age",
    "response_mode", "code_challenge", "code_challenge_method", "login_hint", "acr_values", "id_token_hint",
)  # fmt: skip
_LOGOUT: Final = ("id_token_hint", "client_id", "post_logout_redirect_uri", "state")
_CLIENT: Final = ("client_id", "client_secret")

QUERIES: Final[Mapping[str, Sequence[str]]] = {
    "authorize": _AUTHORIZE,
    "end_login": _LOGOUT,
    "show_login": ("request",),
    "show_consent": ("request",),
    "show_logout": ("request",),
}
FORMS: Final[Mapping[str, Sequence[str]]] = {
    "authorize_by_form": _AUTHORIZE,
    "end_login_by_form": _LOGOUT,
    "submit_login": ("csrf", "request", "email", "password"),
    "submit_second_factor": ("csrf", "request", "mfa_token", "code", "recovery_code"),
    "submit_consent": ("csrf", "request", "decision"),
    "submit_logout": ("csrf", "request"),
    "exchange_grant": (*_CLIENT, "grant_type", "code", "redirect_uri", "code_verifier", "refresh_token", "scope", "resource"),
    "introspect_token": (*_CLIENT, "token", "token_type_hint"),
    "revoke_token": (*_CLIENT, "token", "token_type_hint"),
}  # fmt: skip
"""What pages and OAuth's endpoints read; OpenAPI has no words for parameters that are judged one by one."""

HEADERS: Final = (
    "User-Agent", "Referer", "baggage", "tracestate", "traceparent", "From", "X-Request-Id", "Idempotency-Key",
    "Authorization", "Service-Authorization", "Cart-Token", "Erasure-Token", "X-CSRF-Token", "Cookie", "If-Match", "Prefer",
    "X-Forwarded-For", "Last-Event-ID", "Stripe-Signature",
)  # fmt: skip
"""Headers every operation is sent, whether it reads them or not."""


@dataclass(frozen=True)
class Operation:
    """An operation, and what it takes."""

    service: str
    name: str
    method: str
    path: str
    audience: str
    media_type: str
    bodies: Sequence[Any]
    """One body for every choice its schema leaves; none if it takes none."""
    required: Sequence[str]
    """Members of its body without which it is refused."""
    fields: Sequence[str]
    """Names of the fields of its form."""
    parameters: Sequence[Mapping[str, Any]]

    def place(self, part: str, name: str) -> Place:
        return Place(self.service, self.name, part, name)

    def named(self, part: str) -> list[str]:
        """Return the names of its parameters of the path or query."""
        return [one["name"] for one in self.parameters if one["in"] == part]

    def places(self) -> set[Place]:
        """Return everywhere a client can write something."""
        return {
            *(self.place("body", text.pointer) for body in self.bodies for text in texts_of(body)),
            *(self.place("form", name) for name in self.fields),
            *(self.place("path", name) for name in self.named("path")),
            *(self.place("query", name) for name in self.named("query")),
            *(self.place("header", name) for name in {*HEADERS, *self.named("header")}),
        }


def operations() -> list[Operation]:
    """Return every operation of the services' OpenAPI documents."""
    audiences = {(service, name): row.audience for service, name, row in rows()}
    return [
        _read(service, method, path, described, document, audiences)
        for service in SERVICES
        for document in [application_of(service).openapi()]
        for path, item in document["paths"].items()
        for method, described in item.items()
    ]


def _read(
    service: str,
    method: str,
    path: str,
    described: Mapping[str, Any],
    document: Mapping[str, Any],
    audiences: Mapping[tuple[str, str], str],
) -> Operation:
    name = described["operationId"]
    content = described.get("requestBody", {}).get("content", {})
    media_type = next(iter(content), FORM if name in FORMS else "application/json")
    takes_json = media_type in content and media_type != FORM
    schema = resolved(content[media_type]["schema"], document) if takes_json else {}
    unwritten = [{"name": one, "in": "query", "schema": {}} for one in QUERIES.get(name, ())]
    return Operation(
        service, name, method.upper(), path, audiences[service, name], media_type,
        bodies=variants(schema, document) if takes_json else (),
        required=schema.get("required", ()),
        fields=FORMS.get(name, ()),
        parameters=[*described.get("parameters", ()), *unwritten],
    )  # fmt: skip
