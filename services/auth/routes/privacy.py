"""What auth knows of one person, for user to hand it to them."""

from fastapi import APIRouter, Response

from libs.erasure.export import PersonalData
from libs.web.audience import internal
from libs.web.conditional import NO_STORE
from services.auth.dependencies import CallingService
from services.auth.dependencies.privacy import ExportedDep

router = APIRouter()


@router.get("/v1/users/{user_id}/personal-data", openapi_extra=internal())
async def export_personal_data(
    user_id: str, _caller: CallingService, exported: ExportedDep, response: Response
) -> PersonalData:
    """Tell everything that is stored about somebody."""
    response.headers["Cache-Control"] = NO_STORE
    return await exported.of(user_id)
