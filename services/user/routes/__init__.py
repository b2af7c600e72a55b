"""Paths of the user service, a module per subject."""

from fastapi import APIRouter

from services.user.routes import profiles

router = APIRouter()
router.include_router(profiles.router)
