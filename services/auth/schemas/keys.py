"""Bodies about keys and what is supported."""

from libs.web.strict import ResponseModel


class JsonWebKey(ResponseModel):
    """A public signature key (RFC 7517)."""

    kty: str
    use: str
    alg: str
    kid: str
    n: str
    e: str


class JsonWebKeySet(ResponseModel):
    """The keys access tokens verify with: the previous, the current and the next one of each region."""

    keys: list[JsonWebKey]


class Discovery(ResponseModel):
    """Where and how to verify our tokens (OpenID Connect Discovery 1.0)."""

    issuer: str
    jwks_uri: str
    scopes_supported: list[str]
    response_types_supported: list[str]
    subject_types_supported: list[str]
    id_token_signing_alg_values_supported: list[str]
