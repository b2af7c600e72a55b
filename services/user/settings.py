"""What the user service reads from its environment besides the common settings."""

from typing import ClassVar

from libs.settings import ServiceSettings


class UserSettings(ServiceSettings):
    """Settings of the user service."""

    service: ClassVar[str] = "user"

    auth_base_url: str
    cart_base_url: str
    order_base_url: str
    payment_base_url: str
