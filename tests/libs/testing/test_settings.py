from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import SecretStr, ValidationError

from libs.settings import ServiceSettings
from libs.testing import settings
from libs.testing.settings import NOBODY_LISTENS, build_settings, environment_of


class OrderSettings(ServiceSettings):
    service: ClassVar[str] = "order"
    product_url: str
    cursor_secret: SecretStr
    quota: int = 3


class DemandingSettings(OrderSettings):
    limit: int


def build(
    monkeypatch: pytest.MonkeyPatch, found: type[ServiceSettings], **overrides: object
) -> ServiceSettings:
    monkeypatch.setattr(settings, "settings_class_of", lambda _service: found)
    return build_settings(
        "order",
        database_url="postgresql://d",
        redis_url="redis://r",
        aws_endpoint_url="http://a",
        messaging_prefix="t1",
        jwks_url="http://j",
        keys=Path("/keys"),
        overrides=overrides,
    )


def test_required_addresses_and_secrets_get_stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    built = build(monkeypatch, OrderSettings, quota=5)
    assert isinstance(built, OrderSettings)
    assert built.product_url == NOBODY_LISTENS
    assert len(built.cursor_secret.get_secret_value()) >= 32
    assert built.quota == 5
    assert built.service_key_file == Path("/keys/order.key.json")


def test_a_required_value_that_cannot_be_guessed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValidationError, match="limit"):
        build(monkeypatch, DemandingSettings)


def test_settings_survive_the_way_through_an_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    built = build(monkeypatch, OrderSettings)
    for name, value in environment_of(built).items():
        monkeypatch.setenv(name, value)
    assert OrderSettings() == built
