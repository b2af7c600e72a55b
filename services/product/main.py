"""Starts product: `python -m services.product.main [all|api|worker]`."""

from fastapi import FastAPI

from libs.runtime.serve import run, service_app
from services.product.routes import ROUTERS
from services.product.settings import ProductSettings
from services.product.worker import worker_plan


def create_app(settings: ProductSettings) -> FastAPI:
    """Assemble the application."""
    return service_app(settings, title="Products", routers=ROUTERS, worker=worker_plan)


if __name__ == "__main__":
    run(ProductSettings, create_app)
