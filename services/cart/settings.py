"""What the cart service reads from its environment besides the common settings."""

from typing import ClassVar

from pydantic import SecretStr

from libs.settings import DatabaseSettings, ServiceSettings


class CartSettings(ServiceSettings):
    """Settings of the cart service."""

    service: ClassVar[str] = "cart"

    product_base_url: str


class RebuildSettings(DatabaseSettings):
    """What a rebuild needs, so that it runs without keys or tokens."""

    database_url: SecretStr
