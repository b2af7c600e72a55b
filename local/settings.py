"""What a developer may change about the local stack, read from the environment and from `.env`."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

from dotenv import dotenv_values
from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from libs.topology import LOCAL_PORTS, MASTER_REGION, SERVICES
from local.refusal import Refusal

_LAST_PORT: Final = 65535

ROOT: Final = Path(__file__).resolve().parent.parent

WORKER_PORT_OFFSET: Final = 50
"""With `--split` a service's worker answers its health checks this far above its API."""

REAL_AWS: Final = "aws"
"""`AWS_ENDPOINT_URL=aws` means Amazon's own endpoints, with credentials from the usual variables."""

_INHERITED: Final = (
    "PATH", "HOME", "USER", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "SSL_CERT_FILE",
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
    "AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
    "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "COVERAGE_PROCESS_START",
)  # fmt: skip
"""Nothing else of the developer's shell reaches the processes: what runs here must run elsewhere too."""


class StackSettings(BaseSettings):
    """Addresses, ports and folders of the local stack; every value has a default that works.

    A part whose address is given (`ADMIN_DATABASE_URL`, `REDIS_URL`, `AWS_ENDPOINT_URL`) is used where it is
    and not started. `MESSAGING_PROXY_URL` is what tests put between the services and the emulator.
    """

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", env_ignore_empty=True, env_file_encoding="utf-8"
    )

    meridian_home: Path = ROOT / ".meridian"
    port_offset: Annotated[int, Field(ge=0, le=40000)] = 0
    region: str = MASTER_REGION
    log_level: str = "INFO"
    messaging_prefix: str = "meridian"
    messaging_declared: bool = False
    """Topics and queues are there already, made by Terraform: the stack makes none and changes none."""

    admin_database_url: str | None = None
    database_ca_file: Path | None = None
    redis_url: str | None = None
    aws_endpoint_url: str | None = None
    messaging_proxy_url: str | None = None
    ministack_python: Path | None = None

    admin_email: str = "admin@meridian.example"

    gateway_port: int | None = None
    auth_port: int | None = None
    user_port: int | None = None
    product_port: int | None = None
    cart_port: int | None = None
    order_port: int | None = None
    payment_port: int | None = None
    simulator_port: int | None = None
    ministack_port: int | None = None
    postgres_port: int | None = None
    valkey_port: int | None = None

    @field_validator("*", mode="after")
    @classmethod
    def _ports_are_ports(cls, value: object, info: ValidationInfo) -> object:
        name = info.field_name or ""
        if name.endswith("_port") and isinstance(value, int) and not 1 <= value <= _LAST_PORT:
            raise ValueError("must be between 1 and 65535")
        return value

    def port(self, part: str) -> int:
        """Tell where a part listens: its own variable, else the common plan plus `PORT_OFFSET`."""
        own: int | None = getattr(self, f"{part}_port")
        return own if own is not None else LOCAL_PORTS[part] + self.port_offset

    def worker_port(self, service: str) -> int:
        """Tell where a service's worker answers health checks when it is a process of its own."""
        return self.port(service) + WORKER_PORT_OFFSET

    def url(self, part: str) -> str:
        """Return the base address of a part as processes on this machine reach it."""
        return f"http://127.0.0.1:{self.port(part)}"

    @property
    def issuer(self) -> str:
        """The address a browser sees; it goes into every token."""
        return f"http://localhost:{self.port('gateway')}"

    @property
    def own_postgres(self) -> bool:
        """True when the stack starts PostgreSQL itself."""
        return self.admin_database_url is None

    @property
    def own_valkey(self) -> bool:
        """True when the stack starts Valkey itself."""
        return self.redis_url is None

    @property
    def own_ministack(self) -> bool:
        """True when the stack starts the SNS/SQS emulator itself."""
        return self.aws_endpoint_url is None

    @property
    def given_addresses(self) -> dict[str, str | None]:
        """The variables that replace a part, with their addresses; Amazon's own needs no checking."""
        endpoint = self.messaging_endpoint if self.aws_endpoint_url else None
        return {
            "ADMIN_DATABASE_URL": self.admin_database_url,
            "REDIS_URL": self.redis_url,
            "AWS_ENDPOINT_URL": endpoint,
        }

    @property
    def messaging_endpoint(self) -> str | None:
        """Where SNS and SQS answer; None lets the AWS client find Amazon."""
        if self.aws_endpoint_url == REAL_AWS:
            return None
        return self.aws_endpoint_url or self.messaging_proxy_url or self.url("ministack")


def load_settings(env_file: Path | None = None) -> StackSettings:
    """Read `.env` and the environment, the latter winning.

    Raises:
        Refusal: a value cannot be used; the sentence names the variable.
    """
    path = env_file or _env_file()
    try:
        return StackSettings(_env_file=path)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]).upper()
        reason = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
        raise Refusal(f"{name} in {path.name} or the environment {reason}.") from None


def _env_file() -> Path:
    """`.env`, unless `MERIDIAN_ENV_FILE` names another, as tests and second copies do."""
    return Path(os.environ.get("MERIDIAN_ENV_FILE") or ROOT / ".env")  # noqa: TID251 - settings


def inherited_environment() -> dict[str, str]:
    """Return the few variables of the developer's shell that every process gets."""
    return {name: os.environ[name] for name in _INHERITED if name in os.environ}  # noqa: TID251 - settings


def service_overrides(env_file: Path | None = None) -> Mapping[str, str]:
    """Return what `.env` says beyond the stack's own settings; every service gets it unchanged.

    So `OTLP_ENDPOINT=...` or `RATE_LIMIT_REQUESTS=...` in `.env` reaches all six services.
    """
    values = dotenv_values(env_file or _env_file())
    own = {name.upper() for name in StackSettings.model_fields}
    return {name: value for name, value in values.items() if value and name.upper() not in own}


def checked_parts(settings: StackSettings, *, split: bool) -> dict[str, int]:
    """List what this stack will start, with the port each part needs to be free."""
    ports = {service: settings.port(service) for service in SERVICES}
    ports["gateway"] = settings.port("gateway")
    ports["simulator"] = settings.port("simulator")
    if split:
        ports |= {f"{service}-worker": settings.worker_port(service) for service in SERVICES}
    if settings.own_postgres:
        ports["postgres"] = settings.port("postgres")
    if settings.own_valkey:
        ports["valkey"] = settings.port("valkey")
    if settings.own_ministack:
        ports["ministack"] = settings.port("ministack")
    return ports
