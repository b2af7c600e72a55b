"""What payment reads from its environment besides the common settings."""

from datetime import time
from typing import Annotated, ClassVar, Final, Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_core import PydanticCustomError

from libs.settings import ServiceSettings

_NEEDED: Final = {
    "simulator": ("provider_base_url", "provider_api_key", "webhook_secret"),
    "stripe": ("stripe_api_key", "stripe_webhook_secret"),
}
"""What each provider cannot do without; there is no default for a secret."""


class PaymentSettings(ServiceSettings):
    """Which provider, how long one call to it may take, what its webhooks are signed with, and when to reconcile."""

    service: ClassVar[str] = "payment"

    payment_provider: Literal["simulator", "stripe"] = "simulator"
    provider_timeout_seconds: Annotated[float, Field(gt=0, le=30)] = 5.0
    provider_calls_at_once: Annotated[int, Field(ge=1, le=200)] = 20
    """As many as commands are handled at a time; the timer's questions wait for a place."""

    provider_base_url: str | None = None
    provider_api_key: SecretStr | None = None
    webhook_secret: SecretStr | None = None
    webhook_secret_previous: SecretStr | None = None
    """The secret before the last rotation; accepted until it is removed from the environment."""

    stripe_api_key: SecretStr | None = None
    stripe_api_base_url: str = "https://api.stripe.com"
    stripe_webhook_secret: SecretStr | None = None
    stripe_webhook_secret_previous: SecretStr | None = None

    reconciliation_at: time = time(3, 0)
    """When, in UTC, the day before is compared with the provider's book; days that were missed are caught up."""
    reconciliation_lag_seconds: Annotated[int, Field(ge=0)] = 3600
    """How long a movement may be on its way between the provider and us before it counts as a break."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        missing = [name.upper() for name in _NEEDED[self.payment_provider] if not self.given(name)]
        if missing:
            raise PydanticCustomError(
                "provider_incomplete",
                "PAYMENT_PROVIDER={provider} also needs {missing}.",
                {"provider": self.payment_provider, "missing": " and ".join(missing)},
            )
        return self

    def given(self, name: str) -> str:
        """Return a setting's text, or nothing when it was not given."""
        value = getattr(self, name)
        return value.get_secret_value() if isinstance(value, SecretStr) else value or ""

    def webhook_secrets(self, provider: str) -> list[str]:
        """Return the live secrets of a provider's webhooks, none for a provider nobody configured."""
        prefix = "stripe_" if provider == "stripe" else ""
        names = (f"{prefix}webhook_secret", f"{prefix}webhook_secret_previous")
        return [secret for name in names if (secret := self.given(name))]

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
