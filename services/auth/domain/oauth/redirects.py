"""Where a browser may be sent: only to addresses a client registered, letter by letter (RFC 9700 section 2.1)."""

import re
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import urlencode, urlsplit

LONGEST_URI: Final = 500

_PRINTABLE: Final = re.compile(r"[!-~]+", re.ASCII)
_UNSAFE: Final = frozenset('\\"<>^`{|}*')
_LOOPBACK: Final = re.compile(
    r"(?P<host>http://(?:127\.0\.0\.1|\[::1\]))(?::(?P<port>[1-9][0-9]{0,4}))?(?P<rest>/[!-~]*)?",
    re.ASCII,
)
_HIGHEST_PORT: Final = 65_535
_LOCAL_NAMES: Final = frozenset({"127.0.0.1", "::1", "localhost"})


def is_registered(presented: str, registered: Iterable[str]) -> bool:
    """Tell whether the address is one of those registered.

    Only the port of a loopback address may differ, for a native application takes whichever is free (RFC 8252 section
    7.3). `localhost` is a name like any other: it may resolve to somebody else.
    """
    without_port = _without_loopback_port(presented)
    return any(
        presented == one
        or (without_port is not None and without_port == _without_loopback_port(one))
        for one in registered
    )


def checked_redirect_uri(uri: str) -> str:
    """Return an address a client may register.

    Raises:
        ValueError: no absolute https address, loopback address or private-use scheme (RFC 8252 section 7.1), or one with
            a fragment, a user or characters that programs read differently.
    """
    if len(uri) > LONGEST_URI or not _PRINTABLE.fullmatch(uri) or _UNSAFE & set(uri) or "#" in uri:
        raise ValueError("must be an absolute address without fragment, wildcard or odd characters")
    parts = urlsplit(uri)
    if parts.scheme == "https" and parts.hostname and "@" not in parts.netloc:
        return uri
    if parts.scheme == "http" and parts.hostname in _LOCAL_NAMES and "@" not in parts.netloc:
        return uri
    if "." in parts.scheme and not parts.netloc and parts.path.startswith("/"):
        return uri
    raise ValueError(
        "must begin with https://, http://127.0.0.1 or a scheme like com.example.app:/"
    )


def with_parameters(uri: str, parameters: Mapping[str, str | None]) -> str:
    """Return the address with these parameters behind those it has; those without a value are left out."""
    given = urlencode({name: value for name, value in parameters.items() if value is not None})
    if not given:
        return uri
    return f"{uri}{'&' if '?' in uri else '?'}{given}"


def form_target(uri: str) -> str:
    """Return what a content security policy calls the address's origin (CSP 3, `form-action`)."""
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else f"{parts.scheme}:"


def _without_loopback_port(uri: str) -> str | None:
    found = _LOOPBACK.fullmatch(uri)
    if found is None or int(found["port"] or 0) > _HIGHEST_PORT:
        return None
    return f"{found['host']}{found['rest'] or ''}"
