"""The auth service: `python -m services.auth.main [all|api|worker]`."""

from fastapi import FastAPI

from libs.runtime.resources import Resources
from libs.runtime.serve import run, service_app
from services.auth.dependencies import build_parts, verify_with_own_keys
from services.auth.routes import router
from services.auth.settings import AuthSettings
from services.auth.worker import worker_plan


def create_app(settings: AuthSettings) -> FastAPI:
    """Wire the service together."""

    async def on_start(resources: Resources) -> None:
        app.state.auth = build_parts(resources)
        await verify_with_own_keys(resources, app.state.auth.keyring)

    app = service_app(
        settings, title="Identity", routers=[router], worker=worker_plan, on_start=on_start
    )
    return app


if __name__ == "__main__":
    run(AuthSettings, create_app)
