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
    provider_calls_at_once: Annotated[int, Field(ge=1, le=200)] = 20
    """As many as commands are handled at a time; the timer's questions wait for a place."""
    webhook_secret: SecretStr
    webhook_secret_previous: SecretStr | None = None
    """The secret before the last rotation; accepted until it is removed from the environment."""

    @property
    def provider_wait_seconds(self) -> float:
        """How long a call waits for a place among those under way before it is put off."""
        return min(self.provider_timeout_seconds, 2.0)

    @property
    def lease_seconds(self) -> float:
        """How long one process may be at a call: two questions to the provider, each after a wait, two transactions."""
        return 2 * (self.provider_wait_seconds + self.provider_timeout_seconds) + 5

    @property
    def transactions_at_once(self) -> int:
        """Connections that calls to the provider may use of the pool: the rest is for requests and the inbox."""
        return max(1, self.database_pool_size // 3)
