"""What every service reads from its environment: frozen, complete, and with no default for a secret."""

import ssl
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    Field,
    SecretStr,
    ValidationError,
    create_model,
    model_validator,
)
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict

Role = Literal["all", "api", "worker"]
Environment = Literal["local", "test", "staging", "production"]

EXIT_BAD_SETTINGS: Final = 2

FLAGS_PATTERN: Final = r"^(file:.+|appconfig:[^/]+/[^/]+/[^/]+)$"

MASTER_KEY_PATTERN: Final = r"^(file:.+|kms:(arn:aws[a-z-]*:kms:.+|alias/.+|[0-9a-z-]+))$"

REDIS_SCHEMES: Final = ("redis", "rediss", "unix", "redis+cluster", "rediss+cluster")
"""What `REDIS_URL` may begin with; the second `s` is for TLS, `+cluster` for Redis Cluster."""

PRIVATE: Final = frozenset({"local", "test"})
"""Environments without customers: all of what they stand on may be one developer's machine."""

LOCAL_ONLY: Final = "local-only"
"""In every secret of `docker-compose.yml`: anybody may know those, so nothing but a developer's machine takes them."""


class Settings(BaseSettings):
    """What a process reads from its environment: never changed, and never shown when something in it is wrong."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", env_ignore_empty=True, hide_input_in_errors=True
    )


Read = TypeVar("Read", bound=Settings)


def read_settings(settings: type[Read]) -> Read:
    """Read the settings of a command, or end it with status 2 and a line for each variable that is wrong."""
    try:
        return settings()
    except ValidationError as error:
        sys.stderr.writelines(f"{problem}\n" for problem in problems_of(error))
        sys.exit(EXIT_BAD_SETTINGS)


def with_secrets(settings: type[Read], names: Iterable[str]) -> type[Read]:
    """Return the settings with further secrets, none of which has to be given: those of whichever service is asked for."""
    fields = dict.fromkeys(names, (SecretStr | None, None))
    return create_model(settings.__name__, __base__=settings, **fields)  # type: ignore[call-overload,no-any-return]  # the fields are computed


def problems_of(error: ValidationError) -> list[str]:
    """Return a line for each thing that is wrong: the variable, unless it is about several, and what to do; no value."""
    return [
        ": ".join(filter(None, ("_".join(map(str, one["loc"])).upper(), one["msg"])))
        for one in error.errors(include_input=False, include_url=False)
    ]


def _known_scheme(url: SecretStr) -> SecretStr:
    scheme = url.get_secret_value().partition("://")[0]
    if scheme not in REDIS_SCHEMES:
        raise PydanticCustomError(
            "redis_scheme", "begin it with one of {known}", {"known": ", ".join(REDIS_SCHEMES)}
        )
    return url


def _holds_authorities(file: Path) -> Path:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(file)
    except ssl.SSLError:
        raise PydanticCustomError(
            "authorities",
            "give a file with certificates of authorities (PEM); none is in {file}",
            {"file": str(file)},
        ) from None
    except OSError as error:
        raise PydanticCustomError(
            "authorities", "{reason}: {file}", {"reason": str(error.strerror), "file": str(file)}
        ) from None
    return file


Authorities = Annotated[Path, AfterValidator(_holds_authorities)]
"""A file with the certificates (PEM) of the authorities a server's must come from."""


class DatabaseSettings(Settings):
    """How PostgreSQL is known for what it says it is; everything has these that is given an address of it."""

    environment: Environment = "production"
    database_ca_file: Authorities | None = None
    """The authorities of PostgreSQL's certificate: with it connections use TLS, and check certificate and host name."""

    @model_validator(mode="after")
    def _checks_the_server(self) -> Self:
        addressed = any("database_url" in name and value is not None for name, value in self)
        if addressed and self.database_ca_file is None and self.environment not in PRIVATE:
            raise PydanticCustomError(
                "unchecked_database",
                "DATABASE_CA_FILE: not set, but {environment} connects to no PostgreSQL whose certificate it "
                "cannot check: name the file of its authorities (docs/runbooks/deploy-to-eks.md).",
                {"environment": self.environment},
            )
        return self


class MasterKeySettings(Settings):
    """Where the key is that wraps the data keys of a schema; every process that reads personal data has these."""

    region: str
    aws_endpoint_url: str | None = None
    master_key: Annotated[str, Field(pattern=MASTER_KEY_PATTERN)]
    """Wraps the data keys in this service's schema: `file:<path>`, or `kms:<ARN, id or alias>`."""
    master_key_previous: Annotated[str | None, Field(pattern=MASTER_KEY_PATTERN)] = None
    """While data keys are wrapped anew under another master key: the one before, which still opens them."""


class ServiceSettings(MasterKeySettings, DatabaseSettings):
    """Settings common to the six services; each adds its own in `services/<name>/settings.py`.

    Read once in `main.py` and passed down. A missing value stops the process with one line naming it.
    """

    service: ClassVar[str]

    role: Role = "all"
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    otlp_endpoint: str | None = None

    database_url: SecretStr
    database_pool_size: Annotated[int, Field(ge=1, le=100)] = 10
    database_connection_seconds: Annotated[float, Field(gt=0, le=60)] = 2
    database_lock_seconds: Annotated[float, Field(gt=0, le=60)] = 2
    database_statement_seconds: Annotated[float, Field(gt=0, le=60)] = 5
    """How long a request waits for a connection of the pool or a new one, a lock, a statement; then it is answered 503."""
    redis_url: Annotated[SecretStr, AfterValidator(_known_scheme)]
    """`redis://` for one server, `redis+cluster://` for a cluster, each with a second `s` for TLS: see `libs/cache/redis.py`."""
    redis_ca_file: Authorities | None = None
    """The authorities of Redis' certificates, where they are none the system trusts."""
    redis_seconds: Annotated[float, Field(gt=0, le=60)] = 1
    """How long Redis may take; then what needs a live session is answered 503, and the rest goes on without it."""
    audit_kept_days: Annotated[int, Field(ge=400)] = 3_653
    """How long entries of the audit log are kept: ten years, as invoices are, or thirteen months at least."""
    messaging_prefix: str = "meridian"
    flags: Annotated[str | None, Field(pattern=FLAGS_PATTERN)] = None
    """Where feature flags are read: `file:<path>`, or `appconfig:<application>/<environment>/<profile>` with AppConfig's ids or
    names; without it the defaults in the code hold."""
    call_seconds: Annotated[float, Field(gt=0, le=60)] = 1
    """How long one try of a call to another service may take; all tries together take two and a half times as long at most, the
    fetch of auth's keys twice."""

    issuer: str
    jwks_url: str
    audience: str = "meridian"
    service_key_file: Path
    trust_bundle_file: Path
    signing_secret: Annotated[SecretStr, Field(min_length=32)]
    """Signs cursors, tickets and tokens of forms; 32 characters are 128 bits at least, if somebody drew them at random."""

    trusted_proxies: str = ""
    """Addresses whose `X-Forwarded-For` names the client, comma-separated: the gateway's, and nobody else's."""
    rate_limit_requests: Annotated[int, Field(ge=1)] = 300
    rate_limit_window_seconds: Annotated[int, Field(ge=1)] = 10
    browsing_seconds: Annotated[float, Field(gt=0, le=60)] = 0.3
    buying_seconds: Annotated[float, Field(gt=0, le=60)] = 1.0
    """When answers take longer, fewer requests are let in at once, and the others are refused with 503."""
    linger_seconds: Annotated[int, Field(ge=0, le=60)] = 5
    """How long a process that was told to stop still answers, each answer asking the caller to leave the connection."""
    drain_seconds: Annotated[int, Field(ge=0, le=120)] = 8
    """How long what is under way then may take to end."""

    @model_validator(mode="after")
    def _no_published_secret(self) -> Self:
        known = [
            name.upper()
            for name, value in self
            if isinstance(value, SecretStr) and LOCAL_ONLY in value.get_secret_value()
        ]
        if known and self.environment not in PRIVATE:
            raise PydanticCustomError(
                "published_secret",
                "published in docker-compose.yml: {names}; give {environment} secrets of its own.",
                {"names": ", ".join(known), "environment": self.environment},
            )
        return self
