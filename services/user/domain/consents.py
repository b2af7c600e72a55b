"""The documents people agree to, each in versions; the newest is the one that counts."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Document:
    """A document, its versions from the oldest to the newest, and whether an account can be without it."""

    name: str
    versions: tuple[str, ...]
    required: bool

    @property
    def current(self) -> str:
        return self.versions[-1]


DOCUMENTS: Final = (
    Document("terms", ("2026-11-01",), required=True),
    Document("privacy", ("2026-11-01",), required=True),
    Document("marketing", ("2026-11-01",), required=False),
)


def document_named(name: str) -> Document | None:
    """Return a document, or None when there is none of this name."""
    return next((one for one in DOCUMENTS if one.name == name), None)
