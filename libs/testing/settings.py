"""Complete settings for a service under test."""

import importlib
from pathlib import Path
from typing import Final

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, SettingsConfigDict

from libs.database.session import Patience
from libs.settings import ServiceSettings
from libs.testing.servers import REDIS_PATIENCE
from libs.testing.tokens import AUDIENCE, ISSUER
from libs.topology import MASTER_REGION

NOBODY_LISTENS: Final = "http://127.0.0.1:9"
MAIL_FROM: Final = "shop@meridian.example"
PATIENCE: Final = Patience(connection=60, lock=60, statement=60, idle_in_transaction=60)
SIGNING_SECRET: Final = "test-signing-secret-of-32-bytes!!"  # noqa: S105 - signs nothing but tests

_PATIENT: Final = {
    "database_connection_seconds": PATIENCE.connection,
    "database_lock_seconds": PATIENCE.lock,
    "database_statement_seconds": PATIENCE.statement,
    "redis_seconds": REDIS_PATIENCE,
    "call_seconds": 20,
    "browsing_seconds": 60,
    "buying_seconds": 60,
}
"""A busy machine must not fail a test of something else, and is no reason to refuse what it asks."""

_QUICK_END: Final = {"linger_seconds": 0, "drain_seconds": 2}


class TestEnvironment(BaseSettings):
    """What the test run itself reads from the environment."""

    __test__ = False
    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    test_database_url: SecretStr | None = None
    pytest_xdist_worker: str = "gw0"
    pytest_xdist_worker_count: int = 1
    ministack_python: Path = Path(__file__).parents[2] / ".meridian/ministack/bin/python"


def settings_class_of(service: str) -> type[ServiceSettings]:
    """Find `OrderSettings` in `services.order.settings`."""
    module = importlib.import_module(f"services.{service}.settings")
    found: type[ServiceSettings] = getattr(module, f"{service.capitalize()}Settings")
    return found


def build_settings(
    service: str,
    *,
    database_url: str,
    redis_url: str,
    aws_endpoint_url: str,
    messaging_prefix: str,
    jwks_url: str,
    keys: Path,
    overrides: dict[str, object],
) -> ServiceSettings:
    """Build a service's settings; a required address or secret nobody gave gets one that leads nowhere."""
    settings_class = settings_class_of(service)
    values: dict[str, object] = {
        "environment": "test",
        "region": MASTER_REGION,
        "database_url": database_url,
        "redis_url": redis_url,
        "aws_endpoint_url": aws_endpoint_url,
        "messaging_prefix": messaging_prefix,
        "issuer": ISSUER,
        "audience": AUDIENCE,
        "jwks_url": jwks_url,
        "service_key_file": keys / f"{service}.key.json",
        "trust_bundle_file": keys / "trust-bundle.json",
        "signing_secret": SIGNING_SECRET,
        "master_key": f"file:{keys / f'{service}.master.json'}",
        # Of auth: most tests register somebody to go on with, and read no mail.
        "registration": "immediate",
        # A test may ask as often as it likes; the limiter has tests of its own.
        "rate_limit_requests": 1_000_000,
        **_PATIENT,
        **_QUICK_END,
        **overrides,
    }
    for name, field in settings_class.model_fields.items():
        if name not in values and field.is_required():
            values |= _stand_in(name, field)
    return settings_class.model_validate(values)


def environment_of(settings: ServiceSettings) -> dict[str, str]:
    """Return the settings as the environment of a process."""
    return {
        name.upper(): value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        for name, value in settings
        if value is not None
    }


def _stand_in(name: str, field: FieldInfo) -> dict[str, object]:
    if name.endswith("_url"):
        return {name: NOBODY_LISTENS}
    if name == "mail_from":
        return {name: MAIL_FROM}
    if field.annotation is SecretStr:
        return {name: f"test-{name}-of-at-least-32-bytes"}
    return {}
