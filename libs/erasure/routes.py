"""The operation by which user collects what a service knows of a person."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from libs.database.session import SessionDep
from libs.erasure.export import Export, PersonalData
from libs.security.dependencies import service_caller
from libs.web.audience import internal
from libs.web.conditional import NO_STORE

_CallingService = Annotated[str, Depends(service_caller())]


def personal_data_router(export: Export) -> APIRouter:
    """Make the router that tells, to whom the allow-matrix names, everything that is stored about somebody."""
    router = APIRouter()

    @router.get("/v1/users/{user_id}/personal-data", openapi_extra=internal())
    async def export_personal_data(
        user_id: str, _caller: _CallingService, session: SessionDep, response: Response
    ) -> PersonalData:
        """Tell everything that is stored about somebody."""
        response.headers["Cache-Control"] = NO_STORE
        return await export.of(session, user_id)

    return router
