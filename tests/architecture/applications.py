"""Builds each service's application without starting it, to look at its operations."""

import importlib
from pathlib import Path

from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts

from libs.settings import ServiceSettings
from libs.topology import SERVICES

ROOT = Path(__file__).resolve().parents[2]

NOT_OPENED = {
    "region": "us-east-1",
    "environment": "test",
    "database_url": "postgresql+asyncpg://nobody@127.0.0.1:1/none",
    "redis_url": "redis://127.0.0.1:1/0",
    "issuer": "http://localhost:8080",
    "jwks_url": "http://127.0.0.1:1/jwks.json",
    "service_key_file": "not-opened.json",
    "trust_bundle_file": "not-opened.json",
    "signing_secret": "not-used" * 4,
    "master_key": "kms:alias/not-used",
    # Auth's own: as long as a key has to be.
    "signing_key_encryption_key": "not-used" * 4,
    # User's own: an address.
    "mail_from": "not-used@example.org",
    # Payment's own: which of them it needs depends on its provider.
    "provider_base_url": "http://127.0.0.1:1",
    "provider_api_key": "not-used",
    "webhook_secret": "not-used",
}


def settings_class_of(service: str) -> type[ServiceSettings]:
    module = importlib.import_module(f"services.{service}.settings")
    found: type[ServiceSettings] = getattr(module, f"{service.capitalize()}Settings")
    return found


def settings_of(service: str) -> ServiceSettings:
    """Return settings whose addresses lead nowhere: enough to build the application."""
    settings_class = settings_class_of(service)
    values: dict[str, object] = dict(NOT_OPENED)
    for name, field in settings_class.model_fields.items():
        if field.is_required() and name not in values:
            values[name] = "http://127.0.0.1:1" if name.endswith("_url") else "not-used"
    return settings_class.model_validate(values)


def application_of(service: str) -> FastAPI:
    module = importlib.import_module(f"services.{service}.main")
    app = module.create_app(settings_of(service))
    assert isinstance(app, FastAPI)
    return app


def applications() -> dict[str, FastAPI]:
    return {service: application_of(service) for service in SERVICES}


def api_routes(app: FastAPI) -> list[APIRoute]:
    """Return every documented route, those of included routers too."""
    routes = [context.original_route for context in iter_route_contexts(app.routes)]
    return [route for route in routes if isinstance(route, APIRoute) and route.include_in_schema]
