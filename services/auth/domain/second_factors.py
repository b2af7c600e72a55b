"""Codes that apps show and codes on paper."""

import hmac
from datetime import datetime, timedelta
from typing import Final

import pyotp

STEP_SECONDS: Final = 30
"""How long an app shows a code (RFC 6238), and how long it is taken: no step before or after (ASVS 5.0, 6.5.5)."""

RECOVERY_CODES: Final = 10
RECOVERY_CODE_GROUPS: Final = 6
RECOVERY_CODE_GROUP: Final = 4
RECOVERY_ALPHABET: Final = "ABCDEFGHJKMNPQRSTVWXYZ0123456789"
"""32 signs that nobody reads as each other: 24 of them are 120 bits, so a plain hash keeps them (ASVS 5.0, 6.5.2)."""

CHALLENGE_LIFETIME: Final = timedelta(minutes=5)
"""How long the second step of a login, or a passkey's challenge, waits for its answer."""
FAILURES_PER_CHALLENGE: Final = 5
"""How many wrong codes a login takes before the password is asked for again."""


def matching_step(secret: str, code: str, now: datetime, last_step: int) -> int | None:
    """Return the time step whose code this is; None unless it is that of now, and newer than the last used."""
    totp = pyotp.TOTP(secret, interval=STEP_SECONDS)
    step = totp.timecode(now)
    right = hmac.compare_digest(totp.generate_otp(step).encode(), code.encode())
    return step if right and step > last_step else None


def enrolment_uri(secret: str, account: str, shop: str) -> str:
    """Return what an app reads from a QR code."""
    totp = pyotp.TOTP(secret, interval=STEP_SECONDS)
    return totp.provisioning_uri(name=account, issuer_name=shop)


def bare_recovery_code(code: str) -> str:
    """Return a recovery code as it is compared: however it was grouped or cased."""
    return "".join(code.upper().replace("-", " ").split())
