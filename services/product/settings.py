"""What product reads from its environment besides the common settings."""

from typing import Annotated, ClassVar

from pydantic import Field, SecretStr

from libs.settings import Authorities, DatabaseSettings, ServiceSettings


class ProductSettings(ServiceSettings):
    """Product's settings; all its own have a default that suits production."""

    service: ClassVar[str] = "product"

    reservation_ttl_seconds: Annotated[int, Field(ge=1, le=86_400)] = 600
    expiry_interval_seconds: Annotated[float, Field(gt=0, le=60)] = 1.0
    expiry_batch_size: Annotated[int, Field(ge=1, le=1_000)] = 100
    announce_interval_seconds: Annotated[float, Field(gt=0, le=60)] = 1.0
    even_out_interval_seconds: Annotated[float, Field(gt=0, le=3_600)] = 5.0
    conservation_interval_seconds: Annotated[float, Field(gt=0, le=3_600)] = 10.0
    conservation_page_size: Annotated[int, Field(ge=1, le=10_000)] = 500
    conservation_budget_seconds: Annotated[float, Field(gt=0, le=5)] = 1.0


class ImportSettings(DatabaseSettings):
    """The few values product's commands need, so that it runs without keys or tokens."""

    region: str
    database_url: SecretStr
    redis_url: SecretStr | None = None
    redis_ca_file: Authorities | None = None
