"""Cursor pagination: a cursor is the signed position after the last item, valid only for the list that made it."""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable, Sequence
from typing import Annotated, ClassVar, Final, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel, ConfigDict, SecretStr

from libs.errors import DomainError

T = TypeVar("T")
Row = TypeVar("Row")

DEFAULT_LIMIT: Final = 20
MAX_LIMIT: Final = 100
_MAC_BYTES: Final = 16
_LONGEST_CURSOR: Final = 1024

Position = Sequence[str | int | None]
"""The sort key of the last item, such as `(created_at.isoformat(), order_id)`; it ends with a unique column."""

Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Most items to return in one page.")]
Cursor = Annotated[
    str | None,
    Query(max_length=_LONGEST_CURSOR, description="`next_cursor` of the page before; opaque."),
]


class CursorInvalid(DomainError):
    """The cursor was changed, or belongs to another list, filter or sort."""

    code: ClassVar[str] = "cursor_invalid"
    status: ClassVar[int] = 400
    title: ClassVar[str] = "The cursor is not valid for this list"


class Page(BaseModel, Generic[T]):
    """One page of a list; `next_cursor` is null on the last one."""

    model_config = ConfigDict(frozen=True)

    items: list[T]
    next_cursor: str | None


class CursorCodec:
    """Makes and reads cursors with a key derived from the service's signing secret."""

    def __init__(self, secret: str | SecretStr) -> None:
        text = secret.get_secret_value() if isinstance(secret, SecretStr) else secret
        self._key = hashlib.sha256(b"meridian cursor v1\x00" + text.encode()).digest()

    def encode(self, position: Position, *, of: str = "") -> str:
        """Return an opaque cursor after `position`; `of` names the list with its filters and sort."""
        payload = json.dumps(list(position), separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(self._mac(payload, of) + payload).rstrip(b"=").decode()

    def decode(self, cursor: str, *, of: str = "") -> list[str | int | None]:
        """Return the position inside a cursor made for the same list.

        Raises:
            CursorInvalid: it was not made by us for this list, filter and sort.
        """
        try:
            raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raw = b""
        mac, payload = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        if not payload or not hmac.compare_digest(mac, self._mac(payload, of)):
            raise CursorInvalid("Start again from the first page, without a cursor.")
        position: list[str | int | None] = json.loads(payload)
        return position

    def page(
        self,
        rows: Sequence[Row],
        limit: int,
        *,
        position: Callable[[Row], Position],
        show: Callable[[Row], T],
        of: str = "",
    ) -> Page[T]:
        """Make a page of rows that were queried with `LIMIT limit + 1`; the extra row only tells that more follows."""
        shown = rows[:limit]
        more = len(rows) > limit
        return Page(
            items=[show(row) for row in shown],
            next_cursor=self.encode(position(shown[-1]), of=of) if more else None,
        )

    def _mac(self, payload: bytes, of: str) -> bytes:
        message = len(of.encode()).to_bytes(4, "big") + of.encode() + payload
        return hmac.digest(self._key, message, "sha256")[:_MAC_BYTES]
