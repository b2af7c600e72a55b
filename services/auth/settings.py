"""What the auth service reads from its environment besides the common settings."""

import re
from typing import Annotated, ClassVar, Final, Literal

from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from libs.settings import PRIVATE, DatabaseSettings, MasterKeySettings, ServiceSettings

_TOTP_SECRET: Final = re.compile(r"(?:[A-Z2-7]{8}){4,}")


def _base32(secret: SecretStr | None) -> SecretStr | None:
    if secret is not None and _TOTP_SECRET.fullmatch(secret.get_secret_value()) is None:
        raise PydanticCustomError(
            "base32", "write 32, or another multiple of 8, of the signs A to Z and 2 to 7"
        )
    return secret


class AuthSettings(ServiceSettings):
    """Settings of the auth service."""

    service: ClassVar[str] = "auth"

    signing_key_period_days: Annotated[float, Field(gt=0, le=365)] = 30
    """After how long another key signs access tokens; the commands of `services.auth.cli` do it at once."""
    signing_key_encryption_key: Annotated[SecretStr | None, Field(min_length=32)] = None
    """Opens private signing keys from before `MASTER_KEY`, until `rewrap-keys` has been run; nothing is sealed with it."""

    password_hash_threads: Annotated[int, Field(ge=1, le=32)] = 2
    password_hash_queue: Annotated[int, Field(ge=1, le=10_000)] = 64

    registration: Literal["verified", "immediate"] = "verified"
    """`verified`: an account opens once its address is proved, and nobody can ask who has an account. `immediate`: at
    once, and a taken address is told; for machines without mail."""

    webauthn_rp_id: Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$")] | None = None
    """The domain passkeys are bound to for good: the shop's, such as `example.com`; without it the issuer's."""
    webauthn_origins: str = ""
    """Addresses of the pages that may ask for passkeys, comma-separated; without any the issuer's: `https://shop.example.com`."""

    login_attempts_per_address: Annotated[int, Field(ge=1)] = 60
    registrations_per_address: Annotated[int, Field(ge=1)] = 60
    """Both per minute."""
    login_failures_per_account: Annotated[int, Field(ge=1)] = 10
    """Wrong passwords or second factors of an account, per half an hour, and ten times as many a day. From a network or in a
    session the account was used from before: for that alone, per five minutes. An administrator's account has at most ten,
    from wherever (PCI DSS 4.0.1, 8.3.4): more than ten here would tell administrators apart."""
    mails_per_account: Annotated[int, Field(ge=1)] = 5
    """How many mails to an address may be asked for an hour from one network, by registering, to reset a password or to prove
    it. From everywhere together half as many, and two at least, are sent in five minutes: one that lies there will do."""


class AdministratorSettings(MasterKeySettings, DatabaseSettings):
    """The few values the commands need, so that they run without tokens."""

    database_url: SecretStr
    signing_key_encryption_key: Annotated[SecretStr | None, Field(min_length=32)] = None
    audience: str = "meridian"
    admin_password: SecretStr | None = None
    """For a job without a terminal; otherwise the password is read from standard input."""
    admin_totp_secret: Annotated[SecretStr | None, AfterValidator(_base32)] = None
    """Gives the administrator of a developer's machine an authenticator app; elsewhere people enrol a factor themselves."""

    @field_validator("admin_totp_secret")
    @classmethod
    def _no_factor_beside_the_password(
        cls, secret: SecretStr | None, info: ValidationInfo
    ) -> SecretStr | None:
        if secret is not None and info.data.get("environment") not in PRIVATE:
            raise PydanticCustomError(
                "known_factor",
                "a factor written down beside the password is none: leave it out where ENVIRONMENT is not local or test, "
                "log in, and enrol a passkey or an app",
            )
        return secret
