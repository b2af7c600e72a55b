"""Which address a customer may be sent back to after confirming a payment with their bank."""

import re
from ipaddress import ip_address
from typing import Final
from urllib.parse import SplitResult, urlsplit

_NAME: Final = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?")
"""Labels of a host's name in small letters (RFC 1123), and the underscore that is found in practice."""


def refusal_of_return_url(url: str) -> str | None:
    """Say why an address cannot be used; None if it can.

    It goes through the customer's browser and the provider's logs, so it must be encrypted on the way (or stay on the
    customer's own machine, where apps listen and developers test) and must not carry credentials.
    """
    if any(not "!" <= character <= "~" for character in url):
        return "must be written in printable ASCII, without spaces"
    if "\\" in url:
        return "must not contain a backslash, which browsers read as a slash"
    try:
        parts = urlsplit(url)
        named = _is_host(parts.hostname or "") and parts.port != 0
    except ValueError:
        return "must be a URL"
    return _refusal_of(parts) if named else "must be a URL that names a host"


def _refusal_of(parts: SplitResult) -> str | None:
    if "@" in parts.netloc:
        return "must not carry credentials"
    to_this_machine = parts.scheme == "http" and _is_loopback(parts.hostname or "")
    if parts.scheme == "https" or to_this_machine:
        return None
    return "must use https, or http to this machine"


def _is_host(host: str) -> bool:
    return ":" in host or _NAME.fullmatch(host) is not None


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):  # RFC 6761 section 6.3
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
