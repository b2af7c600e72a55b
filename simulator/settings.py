"""What the simulator reads from its environment; every name starts with `SIMULATOR_`."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class SimulatorSettings(BaseSettings):
    """Where the simulator listens, keeps its book and sends its webhooks, and how long its faults last."""

    model_config = SettingsConfigDict(
        env_prefix="SIMULATOR_", frozen=True, env_ignore_empty=True, hide_input_in_errors=True
    )

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8110
    data: Path
    api_key: SecretStr
    webhook_secret: SecretStr
    webhook_url: str | None = None

    public_url: str | None = None
    """Where the customer's browser reaches the simulator's pages; its own address unless given."""

    slow_seconds: Annotated[float, Field(ge=0)] = 2.0
    hang_seconds: Annotated[float, Field(ge=0)] = 30.0
    late_webhook_seconds: Annotated[float, Field(ge=0)] = 10.0
    webhook_retry_seconds: Annotated[float, Field(gt=0)] = 0.5
    """First pause after a failed delivery; doubles up to a minute."""

    @property
    def pages_url(self) -> str:
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")
