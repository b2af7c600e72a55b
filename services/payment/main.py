"""Starts payment: `python -m services.payment.main [all|api|worker]`."""

from fastapi import FastAPI

from libs.runtime.serve import run, service_app
from services.payment.routes import ROUTERS
from services.payment.settings import PaymentSettings
from services.payment.worker import worker_plan


def create_app(settings: PaymentSettings) -> FastAPI:
    """Wire the service together."""
    return service_app(settings, title="Payments", routers=ROUTERS, worker=worker_plan)


if __name__ == "__main__":
    run(PaymentSettings, create_app)
