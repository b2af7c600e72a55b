"""What the cart service reads from its environment besides the common settings."""

from typing import ClassVar

from libs.settings import ServiceSettings


class CartSettings(ServiceSettings):
    """Settings of the cart service."""

    service: ClassVar[str] = "cart"

    product_base_url: str
