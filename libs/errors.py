"""The one error every business rule raises; `libs.web` turns it into a problem document (RFC 9457)."""

from collections.abc import Mapping
from typing import ClassVar


class DomainError(Exception):
    """A rule said no. Subclasses set `code`, `status` and `title`; `detail` says what the caller can change.

    Attributes:
        code: stable snake_case word, the tail of the problem's `type`; unique over all services.
        status: HTTP status the edge answers with.
        title: short human sentence, the same for every occurrence.
        extensions: extra members of the problem document (RFC 9457 section 3.2); never personal data.
        headers: response headers the answer needs, such as `Retry-After`.
    """

    code: ClassVar[str]
    status: ClassVar[int]
    title: ClassVar[str]

    def __init__(
        self,
        detail: str,
        *,
        extensions: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.extensions = dict(extensions or {})
        self.headers = dict(headers or {})
