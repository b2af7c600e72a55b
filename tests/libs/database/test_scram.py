import base64
import hashlib
import hmac

import pytest

from libs.database.scram import scram_verifier


def test_the_verifier_proves_the_password_without_holding_it() -> None:
    verifier = scram_verifier("correct horse")
    scheme, iterations_and_salt, keys = verifier.split("$")
    iterations, salt = iterations_and_salt.split(":")
    stored_key, server_key = (base64.b64decode(part) for part in keys.split(":"))
    salted = hashlib.pbkdf2_hmac(
        "sha256", b"correct horse", base64.b64decode(salt), int(iterations)
    )
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    assert scheme == "SCRAM-SHA-256"
    assert hashlib.sha256(client_key).digest() == stored_key
    assert hmac.digest(salted, b"Server Key", "sha256") == server_key
    assert "correct horse" not in verifier


def test_every_verifier_has_a_salt_of_its_own() -> None:
    assert scram_verifier("same") != scram_verifier("same")


@pytest.mark.parametrize("password", ["", "pässword", "two\nlines"])
def test_passwords_whose_encoding_is_in_doubt_are_refused(password: str) -> None:
    with pytest.raises(ValueError, match="printable ASCII"):
        scram_verifier(password)
