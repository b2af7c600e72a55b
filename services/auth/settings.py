"""What the auth service reads from its environment besides the common settings."""

from typing import Annotated, ClassVar

from pydantic import Field, SecretStr

from libs.settings import MasterKeySettings, ServiceSettings


class AuthSettings(ServiceSettings):
    """Settings of the auth service."""

    service: ClassVar[str] = "auth"

    signing_key_encryption_key: Annotated[SecretStr, Field(min_length=32)]
    """Encrypts the private signing keys in the database; at least 32 random characters."""

    password_hash_threads: Annotated[int, Field(ge=1, le=32)] = 2
    password_hash_queue: Annotated[int, Field(ge=1, le=10_000)] = 64

    login_attempts_per_address: Annotated[int, Field(ge=1)] = 60
    registrations_per_address: Annotated[int, Field(ge=1)] = 60
    """Both per minute."""
    login_failures_per_account: Annotated[int, Field(ge=1)] = 10
    """Per five minutes; from an address the account has used before, it is counted for that address alone."""


class AdministratorSettings(MasterKeySettings):
    """The few values `create-admin` needs, so that it runs without tokens."""

    database_url: SecretStr
    admin_password: SecretStr | None = None
    """For a job without a terminal; otherwise the password is read from standard input."""
