"""How somebody proved who they are, in the words of RFC 8176."""

from dataclasses import dataclass
from typing import Final

from libs.security.principal import ACR_MFA, ACR_PASSWORD


@dataclass(frozen=True)
class Proof:
    """What was shown: methods (`amr`) and the strength they come to (`acr`)."""

    amr: tuple[str, ...]
    acr: str


PASSWORD: Final = Proof(("pwd",), ACR_PASSWORD)
PASSWORD_AND_CODE: Final = Proof(("pwd", "otp", "mfa"), ACR_MFA)
"""A one-time code or a recovery code, on top of the password the session began with."""
PASSWORD_AND_PASSKEY: Final = Proof(("pwd", "pop", "mfa"), ACR_MFA)
PASSKEY: Final = Proof(("pop", "user", "mfa"), ACR_MFA)
"""The device asked for a PIN or a finger itself: possession and one factor more in one step."""
