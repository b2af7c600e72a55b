"""Paths of the auth service, a module per subject."""

from fastapi import APIRouter

from services.auth.routes import accounts, closing, keys, mail_tokens, oauth, proofs, sessions

router = APIRouter()
for part in (accounts, closing, sessions, proofs, keys, mail_tokens, oauth):
    router.include_router(part.router)
