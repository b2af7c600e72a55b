"""The cart service: `python -m services.cart.main [all|api|worker]`."""

from fastapi import FastAPI

from libs.runtime.serve import run, service_app
from services.cart.routes import router
from services.cart.settings import CartSettings
from services.cart.worker import worker_plan


def create_app(settings: CartSettings) -> FastAPI:
    """Wire the service together."""
    return service_app(settings, title="Carts", routers=[router], worker=worker_plan)


if __name__ == "__main__":
    run(CartSettings, create_app)
