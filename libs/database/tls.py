"""TLS to PostgreSQL: with authorities to trust, nothing is sent to a server that does not prove its name by them."""

import ssl
from pathlib import Path


def tls_arguments(ca_file: Path | None) -> dict[str, ssl.SSLContext]:
    """Return what asyncpg's `connect` is given besides an address, whatever that says of TLS itself.

    With authorities it is what libpq calls `verify-full`: TLS 1.2 or newer, a certificate of theirs and of that host; a
    server without TLS is left alone. Without, the address decides. A unix socket has no TLS, for it leads nowhere else.

    Raises:
        OSError: the file cannot be read, or holds no certificate (`ssl.SSLError`).
    """
    if ca_file is None:
        return {}
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(ca_file)
    return {"ssl": context}
