"""Hashes passwords with Argon2id, away from the event loop and never too many at once."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from services.auth.errors import PasswordChecksBusy

T = TypeVar("T")

# OWASP's minimum for Argon2id: 19 MiB, two passes, one lane.
_ARGON2ID: Final = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


class Passwords:
    """A few threads and a short queue: memory stays bounded, and a flood of logins is told to come back."""

    def __init__(self, threads: int, queue: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="argon2")
        self._room = threads + queue
        self._waiting = 0
        self._nobodys_hash = _ARGON2ID.hash("the password of an account that does not exist")

    async def hash(self, password: str) -> str:
        """Return a salted hash of the password.

        Raises:
            PasswordChecksBusy: the queue is full.
        """
        return await self._in_thread(lambda: _ARGON2ID.hash(password))

    async def matches(self, password: str, stored: str | None) -> bool:
        """Tell whether the password is right; without an account it takes as long and is wrong.

        Raises:
            PasswordChecksBusy: the queue is full.
        """
        against = self._nobodys_hash if stored is None else stored
        right = await self._in_thread(lambda: _verify(against, password))
        return right and stored is not None

    @staticmethod
    def is_outdated(stored: str) -> bool:
        """Tell whether the hash was made with older parameters and should be replaced."""
        return _ARGON2ID.check_needs_rehash(stored)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        if self._waiting >= self._room:
            raise PasswordChecksBusy
        self._waiting += 1
        job = asyncio.get_running_loop().run_in_executor(self._pool, work)
        job.add_done_callback(self._left)
        return await asyncio.shield(job)

    def _left(self, _job: object) -> None:
        self._waiting -= 1


def _verify(stored: str, password: str) -> bool:
    try:
        return _ARGON2ID.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False
