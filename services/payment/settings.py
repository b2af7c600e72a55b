"""What payment reads from its environment besides the common settings."""

from typing import Annotated, ClassVar

from pydantic import Field, SecretStr

from libs.settings import ServiceSettings


class PaymentSettings(ServiceSettings):
    """Where the provider is, how long one call to it may take, and what its webhooks are signed with."""

    service: ClassVar[str] = "payment"

    provider_base_url: str
    provider_api_key: SecretStr
    provider_timeout_seconds: Annotated[float, Field(gt=0, le=30)] = 5.0
    webhook_secret: SecretStr
    webhook_secret_previous: SecretStr | None = None
    """The secret before the last rotation; accepted until it is removed from the environment."""

    @property
    def lease_seconds(self) -> float:
        """How long one process may be at a call: two questions to the provider and two transactions."""
        return 2 * self.provider_timeout_seconds + 5
