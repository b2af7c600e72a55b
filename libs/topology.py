"""The names every part of Meridian agrees on: services, schemas, regions, local ports."""

from typing import Final

SERVICES: Final = ("auth", "user", "product", "cart", "order", "payment")
"""Every service; folder names under `services/`, token audiences and database schemas derive from these."""

MASTER_REGION: Final = "us-east-1"

DATABASE_NAME: Final = "meridian"

LOCAL_PORTS: Final = {
    "gateway": 8080,
    "auth": 8101,
    "user": 8102,
    "product": 8103,
    "cart": 8104,
    "order": 8105,
    "payment": 8106,
    "simulator": 8110,
    "ministack": 8120,
    "postgres": 8130,
    "valkey": 8140,
}
"""Where each part listens on one machine unless the environment says otherwise."""


def schema_of(service: str) -> str:
    """Name the PostgreSQL schema of a service: `shop_order`, because `order` and `user` are SQL keywords."""
    return f"shop_{service}"
