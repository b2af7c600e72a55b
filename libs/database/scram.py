"""Password verifiers made on this side of the wire, so that no password can end up in a server log."""

import base64
import hashlib
import hmac
import os
from typing import Final

ITERATIONS: Final = 4096  # PostgreSQL's own default (scram_iterations)


def scram_verifier(password: str) -> str:
    """Return what PostgreSQL stores for `password`: SCRAM-SHA-256 (RFC 5802, RFC 7677) with a fresh salt.

    Raises:
        ValueError: the password is empty or not printable ASCII, which SASLprep (RFC 4013) might rewrite.
    """
    if not password or not password.isascii() or not password.isprintable():
        raise ValueError("a database password must be non-empty printable ASCII")
    salt = os.urandom(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, ITERATIONS)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    stored_key = hashlib.sha256(client_key).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    encoded = [base64.b64encode(part).decode() for part in (salt, stored_key, server_key)]
    return f"SCRAM-SHA-256${ITERATIONS}:{encoded[0]}${encoded[1]}:{encoded[2]}"
