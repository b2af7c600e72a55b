"""The user service: `python -m services.user.main [all|api|worker]`."""

from fastapi import FastAPI

from libs.runtime.serve import run, service_app
from services.user.routes import router
from services.user.settings import UserSettings
from services.user.worker import worker_plan


def create_app(settings: UserSettings) -> FastAPI:
    """Wire the service together."""
    return service_app(settings, title="Users", routers=[router], worker=worker_plan)


if __name__ == "__main__":
    run(UserSettings, create_app)
