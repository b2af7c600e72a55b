"""The data keys of one service: wrapped in its schema, plain in the memory of its processes only."""

import asyncio
import hashlib
import hmac
import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from libs.database.session import Database
from libs.errors import DomainError
from libs.observability.logging import get_logger
from libs.security.master_key import KEY_BYTES, MasterKey, MasterKeyUnavailable

REFRESH_SECONDS: Final = 15.0
PUBLISHED_SECONDS: Final = 60
"""A new key is known for this long before anything is sealed with it: four times what processes wait between readings."""

CELLS: Final = "cells"
INDEX: Final = "index"

_FORMAT: Final = 1
_HEAD: Final = struct.Struct(">BI")  # format, id of the data key
_NONCE_BYTES: Final = 12

_LOCK: Final = text("SELECT pg_advisory_xact_lock(hashtext('data keys ' || current_schema()))")
_READ: Final = text(
    "SELECT id, purpose, wrapped, usable_from <= clock_timestamp() AS usable FROM data_keys ORDER BY id"
)
_TRANSITION: Final = text("SELECT EXISTS (SELECT FROM plain_text_transition)")
_INSERT: Final = text(
    "INSERT INTO data_keys (purpose, wrapped, usable_from) VALUES (:purpose, :wrapped, now() + make_interval(secs => :wait)) "
    "RETURNING id"
)

_log = get_logger(__name__)


class DataKeysUnavailable(DomainError):
    """The keys of personal data cannot be had now; nothing was read or written."""

    status: ClassVar[int] = 503
    code: ClassVar[str] = "data_keys_unavailable"
    title: ClassVar[str] = "Personal data cannot be read at the moment"

    def __init__(self, detail: str) -> None:
        super().__init__(detail, headers={"Retry-After": "5"})


class SealBroken(Exception):
    """A sealed value is not what was sealed there: moved from another row or column, or changed."""


@dataclass(frozen=True)
class _Ring:
    """What one reading of the table gave."""

    cells: dict[int, AESGCM] = field(repr=False)
    newest: int
    index_key: bytes = field(repr=False)
    plain_written: bool


class DataKeys:
    """Seals and opens values with AES-256-GCM (NIST SP 800-38D), each bound to its column and row.

    Nonces are random, so a data key is rotated long before it has sealed 2^32 values.
    """

    def __init__(self, database: Database, master_key: MasterKey, service: str) -> None:
        self._database = database
        self._master_key = master_key
        self._service = service
        self._ring: _Ring | None = None
        self._stale = True
        self._reading = asyncio.Lock()

    async def ready(self) -> None:
        """Have keys in memory; costs nothing when they are there.

        Raises:
            DataKeysUnavailable: KMS does not answer, and the keys were never read.
            WrappedElsewhere: `MASTER_KEY` is not the one they were wrapped with.
        """
        if not self._stale:
            return
        async with self._reading:
            if self._stale:
                await self._read_or_keep()

    async def refresh(self) -> None:
        """Read the keys again; those in memory stay in use when that fails."""
        self._stale = True
        await self.ready()

    def seal(self, column: str, row: str, plain: bytes) -> bytes:
        """Encrypt a value for this row of `column` (`table.column`) alone."""
        ring = self._loaded()
        head, nonce = _HEAD.pack(_FORMAT, ring.newest), os.urandom(_NONCE_BYTES)
        return head + nonce + ring.cells[ring.newest].encrypt(nonce, plain, _place(column, row))

    def open(self, column: str, row: str, sealed: bytes) -> bytes:
        """Decrypt a value of this row.

        Raises:
            SealBroken: it was sealed for another row or column, or changed.
            DataKeysUnavailable: its key is not known here yet; it is read before the next transaction.
        """
        version = version_of(sealed)
        cipher = self._loaded().cells.get(version)
        if cipher is None:
            self._stale = True
            raise DataKeysUnavailable(f"Data key {version} is being read.")
        start = _HEAD.size + _NONCE_BYTES
        try:
            return cipher.decrypt(sealed[_HEAD.size : start], sealed[start:], _place(column, row))
        except (InvalidTag, ValueError) as error:
            raise SealBroken(f"{column} of {row} was sealed elsewhere, or changed") from error

    def blind(self, column: str, value: str) -> bytes:
        """Return the blind index of a value: equal for equal values, and telling nothing without the key."""
        message = column.encode() + b"\0" + value.strip().lower().encode()
        return hmac.digest(self._loaded().index_key, message, hashlib.sha256)

    @property
    def plain_written(self) -> bool:
        """Whether plain text is written as well, for a version that knows no sealed columns."""
        return self._loaded().plain_written

    @property
    def newest(self) -> int:
        """The id of the key values are sealed with now."""
        return self._loaded().newest

    async def add(self) -> int:
        """Make a new data key, used once every process has read it; return its id."""
        wrapped = await self._new(CELLS)
        async with self._database.transaction(last_words=True) as session:
            return await _insert(session, CELLS, wrapped, PUBLISHED_SECONDS)

    async def rewrap(self) -> int:
        """Wrap every data key under the newest master key; return how many. May be killed and repeated."""
        async with self._database.transaction(last_words=True) as session:
            rows = (await session.execute(_READ)).all()
        for row in rows:
            context = self._context(row.purpose)
            key = await self._master_key.unwrap(row.wrapped, context)
            wrapped = await self._master_key.wrap(key, context)
            async with self._database.transaction(last_words=True) as session:
                await session.execute(
                    text("UPDATE data_keys SET wrapped = :wrapped WHERE id = :id"),
                    {"wrapped": wrapped, "id": row.id},
                )
        return len(rows)

    def _loaded(self) -> _Ring:
        if self._ring is None:
            raise DataKeysUnavailable("The keys of personal data have not been read yet.")
        return self._ring

    async def _read_or_keep(self) -> None:
        try:
            self._ring = await self._read()
        except Exception as error:
            if self._ring is None:
                if isinstance(error, MasterKeyUnavailable):
                    raise DataKeysUnavailable(
                        "The key service does not answer; try again soon."
                    ) from error
                raise
            _log.warning("data_keys_not_reread", reason=type(error).__name__)
        self._stale = False

    async def _read(self) -> _Ring:
        rows, plain_written = await self._rows()
        if not rows:
            await self._create_first()
            rows, plain_written = await self._rows()
        keys = {
            row.id: await self._master_key.unwrap(row.wrapped, self._context(row.purpose))
            for row in rows
        }
        cells = {row.id: AESGCM(keys[row.id]) for row in rows if row.purpose == CELLS}
        return _Ring(
            cells=cells,
            newest=max(row.id for row in rows if row.purpose == CELLS and row.usable),
            index_key=next(keys[row.id] for row in rows if row.purpose == INDEX),
            plain_written=plain_written,
        )

    async def _rows(self) -> tuple[Sequence[Row[Any]], bool]:
        async with self._database.transaction(last_words=True) as session:
            rows = (await session.execute(_READ)).all()
            return rows, bool(await session.scalar(_TRANSITION))

    async def _create_first(self) -> None:
        """Make the first keys; one process does, the others wait for its commit."""
        wrapped = {purpose: await self._new(purpose) for purpose in (CELLS, INDEX)}
        async with self._database.transaction(last_words=True) as session:
            await session.execute(_LOCK)
            if (await session.execute(_READ)).first() is None:
                for purpose, key in wrapped.items():
                    await _insert(session, purpose, key, 0)

    async def _new(self, purpose: str) -> bytes:
        return await self._master_key.wrap(os.urandom(KEY_BYTES), self._context(purpose))

    def _context(self, purpose: str) -> dict[str, str]:
        return {"service": self._service, "purpose": f"data-key-{purpose}"}


def version_of(sealed: bytes) -> int:
    """Return the id of the data key a value was sealed with.

    Raises:
        SealBroken: not a sealed value.
    """
    if len(sealed) <= _HEAD.size + _NONCE_BYTES or sealed[0] != _FORMAT:
        raise SealBroken("not a sealed value")
    version: int = _HEAD.unpack_from(sealed)[1]
    return version


async def _insert(session: AsyncSession, purpose: str, wrapped: bytes, wait: int) -> int:
    values = {"purpose": purpose, "wrapped": wrapped, "wait": wait}
    return int((await session.execute(_INSERT, values)).scalar_one())


def _place(column: str, row: str) -> bytes:
    return f"{column}\0{row}".encode()
