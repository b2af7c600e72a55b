"""The public keys, and where they and everything else are found."""

from fastapi import APIRouter, Response

from libs.runtime.resources import ResourcesDep
from libs.security.principal import ACR_MFA, ACR_PASSWORD
from libs.web.audience import public
from libs.web.errors import problem_responses
from services.auth.dependencies import PartsDep
from services.auth.domain.oauth.scopes import GRANTS, known_scopes
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
    """Read what this provider is and does, for OpenID Connect clients."""
    response.headers["Cache-Control"] = JWKS_CACHE
    return _described(resources.settings.issuer)


@router.get("/.well-known/oauth-authorization-server", openapi_extra=public())
async def get_server_metadata(resources: ResourcesDep, response: Response) -> Discovery:
    """Read the same where OAuth 2.0 clients look for it (RFC 8414)."""
    response.headers["Cache-Control"] = JWKS_CACHE
    return _described(resources.settings.issuer)


def _described(issuer: str) -> Discovery:
    base = issuer.rstrip("/")
    secrets = ["client_secret_basic", "client_secret_post"]
    return Discovery(
        issuer=issuer,
        authorization_endpoint=f"{base}/oauth2/authorize",
        token_endpoint=f"{base}/oauth2/token",
        userinfo_endpoint=f"{base}/oauth2/userinfo",
        jwks_uri=f"{base}/.well-known/jwks.json",
        introspection_endpoint=f"{base}/oauth2/introspect",
        revocation_endpoint=f"{base}/oauth2/revoke",
        end_session_endpoint=f"{base}/oauth2/logout",
        scopes_supported=list(known_scopes()),
        response_types_supported=["code"],
        response_modes_supported=["query"],
        grant_types_supported=list(GRANTS),
        prompt_values_supported=["none", "login", "consent", "select_account"],
        acr_values_supported=[ACR_PASSWORD, ACR_MFA],
        subject_types_supported=["public"],
        id_token_signing_alg_values_supported=["RS256"],
        token_endpoint_auth_methods_supported=[*secrets, "none"],
        introspection_endpoint_auth_methods_supported=secrets,
        revocation_endpoint_auth_methods_supported=[*secrets, "none"],
        code_challenge_methods_supported=["S256"],
        claims_supported=[
            *("iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "at_hash"),
            *("sid", "name", "email", "email_verified"),
        ],
        claim_types_supported=["normal"],
        ui_locales_supported=["en"],
        authorization_response_iss_parameter_supported=True,
        claims_parameter_supported=False,
        request_parameter_supported=False,
        request_uri_parameter_supported=False,
    )
