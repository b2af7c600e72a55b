"""The public keys, and where they and everything else are found."""

from fastapi import APIRouter, Response

from libs.runtime.resources import ResourcesDep
from libs.web.audience import public
from libs.web.errors import problem_responses
from services.auth.dependencies import PartsDep
from services.auth.domain.accounts import ADMIN, scopes_of
from services.auth.errors import SigningKeysUnavailable
from services.auth.schemas.keys import Discovery, JsonWebKey, JsonWebKeySet

router = APIRouter()

JWKS_CACHE = "public, max-age=60, stale-if-error=14400"


@router.get(
    "/.well-known/jwks.json",
    openapi_extra=public(),
    responses=problem_responses(SigningKeysUnavailable),
)
async def get_jwks(parts: PartsDep, response: Response) -> JsonWebKeySet:
    """Read the keys access tokens verify with."""
    keys = await parts.keyring.public_keys()
    response.headers["Cache-Control"] = JWKS_CACHE
    return JsonWebKeySet(keys=[JsonWebKey.model_validate(key) for key in keys])


@router.get("/.well-known/openid-configuration", openapi_extra=public())
async def get_discovery(resources: ResourcesDep, response: Response) -> Discovery:
    """Read where our keys are and what our tokens may say."""
    issuer = resources.settings.issuer
    response.headers["Cache-Control"] = JWKS_CACHE
    return Discovery(
        issuer=issuer,
        jwks_uri=f"{issuer.rstrip('/')}/.well-known/jwks.json",
        scopes_supported=list(scopes_of([ADMIN])),
        response_types_supported=[],
        subject_types_supported=["public"],
        id_token_signing_alg_values_supported=["RS256"],
    )
