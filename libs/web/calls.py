"""The words of a call to another service: its limits, its answer, and the two ways it fails."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, ClassVar, Final, Protocol, Self, TypeVar

import httpx
from pydantic import BaseModel

from libs.errors import DomainError
from libs.observability.context import request_id_var
from libs.web.admission import Overloaded

_PLAIN_PATH: Final = re.compile(r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~%:@-]+)+")

Model = TypeVar("Model", bound=BaseModel)


class DependencyUnavailable(DomainError):
    """A service needed for this request did not answer in time, or is known to be down."""

    code: ClassVar[str] = "dependency_unavailable"
    status: ClassVar[int] = 503
    title: ClassVar[str] = "A service we depend on is not available"


class CalleeProblem(Exception):
    """The callee said no. Callers translate the codes they foresee into errors of their own.

    Attributes:
        status: HTTP status the callee answered with, 4xx.
        code: the problem's stable word; empty if the body was no problem document.
        extensions: the problem's other members.
    """

    def __init__(
        self, callee: str, operation: str, status: int, code: str, extensions: Mapping[str, Any]
    ) -> None:
        super().__init__(f"{callee}.{operation} answered {status} {code}")
        self.callee = callee
        self.operation = operation
        self.status = status
        self.code = code
        self.extensions = dict(extensions)


class TokenSigner(Protocol):
    """Makes the token by which this service proves itself to a callee."""

    def token_for(self, callee: str) -> str: ...


class UserToken(Protocol):
    """On whose behalf the call is made."""

    @property
    def token(self) -> str: ...


@dataclass(frozen=True, slots=True)
class CalleeResponse:
    """A successful answer."""

    status: int
    headers: httpx.Headers
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    def parse(self, model: type[Model]) -> Model:
        """Read the body into a model that names only the members the caller uses."""
        return model.model_validate_json(self.body)


@dataclass(frozen=True, slots=True)
class CallPolicy:
    """Limits of one call, in seconds."""

    per_try: float = 1.0
    total: float = 2.5
    """Of all tries together, whatever waits between them included."""
    attempts: int = 3
    backoff_base: float = 0.025
    backoff_cap: float = 0.4

    @classmethod
    def of_tries(cls, seconds: float) -> Self:
        """Return the limits where one try may take so many seconds: time for two of them, and for half of a third."""
        return cls(per_try=seconds, total=2.5 * seconds)


def is_plain_path(path: str) -> bool:
    """Tell whether a path leads where it seems to: no dot segments, query or anything an id could smuggle in."""
    return _PLAIN_PATH.fullmatch(path) is not None


def request_headers(
    principal: UserToken | None,
    body: object | None,
    idempotency_key: str | None,
    extra: Mapping[str, str] | None,
) -> dict[str, str]:
    """Write the headers that are the same for every try of a call; `extra` wins."""
    headers = {"Accept": "application/json, application/problem+json", **(extra or {})}
    for name, value in (
        ("Content-Type", "application/json" if body is not None else None),
        ("X-Request-Id", request_id_var.get()),
        ("Idempotency-Key", idempotency_key),
        ("Authorization", f"Bearer {principal.token}" if principal is not None else None),
    ):
        if value is not None:
            headers.setdefault(name, value)
    return headers


def retry_after_of(answer: httpx.Response) -> float | None:
    """Return the seconds of `Retry-After`; dates, which our services do not send, count as absent."""
    value = answer.headers.get("retry-after", "")
    return float(value[:4]) if value.isascii() and value.isdigit() else None


def is_overload(answer: httpx.Response) -> bool:
    """Tell a callee that sheds load, or limits us, from one that is broken."""
    if answer.status_code == HTTPStatus.TOO_MANY_REQUESTS:
        return True
    if answer.status_code != HTTPStatus.SERVICE_UNAVAILABLE:
        return False
    return problem_of(answer).get("code") == Overloaded.code


def problem_of(answer: httpx.Response) -> dict[str, Any]:
    """Return the members of a problem document, or nothing if the body is none."""
    try:
        problem = answer.json()
    except ValueError:
        return {}
    return problem if isinstance(problem, dict) else {}
