"""The answer of a handler, in the form that is sent, stored and sent again."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from fastapi import Response
from pydantic import BaseModel

from libs.errors import DomainError

REPLAYED_HEADER: Final = "Idempotency-Replayed"
_CONTENT_TYPE: Final = "content-type"


@dataclass(frozen=True, slots=True)
class Reply:
    """What a handler answers."""

    status: int
    body: BaseModel | None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StoredReply:
    """The same, byte for byte."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @classmethod
    def of(cls, reply: Reply) -> Self:
        if reply.body is None:
            return cls(reply.status, dict(reply.headers), b"")
        body = reply.body.model_dump_json(by_alias=True).encode()
        return cls(reply.status, {_CONTENT_TYPE: "application/json", **reply.headers}, body)

    @classmethod
    def of_error(cls, error: DomainError, path: str) -> Self:
        """Render an error that is stored as the answer, as RFC 9457 problem details."""
        problem = {
            **error.extensions,
            "type": f"urn:meridian:problem:{error.code}",
            "title": error.title,
            "status": error.status,
            "detail": error.detail,
            "instance": path,
            "code": error.code,
        }
        headers = {_CONTENT_TYPE: "application/problem+json", **error.headers}
        return cls(error.status, headers, json.dumps(problem).encode())

    def response(self, *, replayed: bool = False) -> Response:
        mark = {REPLAYED_HEADER: "true"} if replayed else {}
        return Response(self.body, self.status, {**self.headers, **mark})
