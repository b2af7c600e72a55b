"""The order service: `python -m services.order.main [all|api|worker]`."""

from fastapi import FastAPI

from libs.runtime.serve import run, service_app
from services.order.routes import router
from services.order.settings import OrderSettings
from services.order.worker import worker_plan


def create_app(settings: OrderSettings) -> FastAPI:
    """Wire the service together."""
    return service_app(settings, title="Orders", routers=[router], worker=worker_plan)


if __name__ == "__main__":
    run(OrderSettings, create_app)
