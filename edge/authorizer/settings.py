"""What the function is told by its environment; Terraform's module `api-gateway` sets it."""

from libs.settings import Settings


class AuthorizerSettings(Settings):
    """Whose tokens are believed, where the keys are, and where Lambda hands out requests."""

    issuer: str
    audience: str
    jwks_url: str
    jwks_address: str | None = None
    """Where to connect for `jwks_url` instead of its host: the internal load balancer, whose certificate bears the public name."""
    aws_region: str | None = None
    aws_lambda_runtime_api: str
    """Host and port of Lambda's Runtime API; Lambda sets it."""
