"""What the cart service reads from its environment besides the common settings."""

from typing import ClassVar

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from libs.settings import ServiceSettings


class CartSettings(ServiceSettings):
    """Settings of the cart service."""

    service: ClassVar[str] = "cart"

    product_base_url: str


class RebuildSettings(BaseSettings):
    """The one value a rebuild needs, so that it runs without keys or tokens."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    database_url: SecretStr
