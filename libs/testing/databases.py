"""The databases one test uses; what it asked for is emptied after it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from typing_extensions import override

from libs.database.bootstrap import dsn_of_database
from libs.testing.database_server import DatabaseServer, Role
from libs.topology import SERVICES


def service_of_test(path_parts: tuple[str, ...]) -> str | None:
    """Name the service whose folder (`tests/<service>/`) a test lies in."""
    for parent, folder in pairwise(path_parts):
        if parent == "tests" and folder in SERVICES:
            return folder
    return None


class Databases(Mapping[str, str]):
    """What one test sees: application addresses by service. Schemas it asked for are emptied after it."""

    def __init__(self, server: Callable[[], DatabaseServer]) -> None:
        self._server = server
        self._used: set[str] = set()
        self._created: list[str] = []
        self._borrowed: list[str] = []

    @override
    def __getitem__(self, service: str) -> str:
        return self.url(service)

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(SERVICES)

    @override
    def __len__(self) -> int:
        return len(SERVICES)

    def url(self, service: str, role: Role = "app") -> str:
        """Return the address of the session's database for a role of this service."""
        url = self._server().url(service, role)
        self._used.add(service)
        return url

    def fresh(self, *, migrated: bool = True) -> "FreshDatabase":
        """Create a database of the test's own: with all schemas migrated, or with roles and empty schemas only."""
        name = self._server().clone(migrated=migrated)
        self._created.append(name)
        return FreshDatabase(self._server(), name)

    def scratch(self) -> str:
        """Create a database with no schema of ours and return its administrator's address."""
        name = self._server().borrow_empty()
        self._borrowed.append(name)
        return dsn_of_database(self._server().admin_dsn, name)

    def clean(self) -> None:
        """Undo what the test left behind.

        Raises:
            AssertionError: it left a session open that held locks.
        """
        for name in self._created:
            self._server().drop(name)
        for name in self._borrowed:
            self._server().give_back(name)
        if self._used:
            ended = self._server().empty(self._used)
            assert not ended, f"the test left database sessions with open transactions: {ended}"


@dataclass(frozen=True)
class FreshDatabase:
    """A database that exists for one test."""

    _server: DatabaseServer
    name: str

    def url(self, service: str, role: Role = "app") -> str:
        return self._server.url(service, role, database=self.name)
