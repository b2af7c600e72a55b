"""Real access tokens signed by a test key, whose public half is served over HTTP as auth would."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from joserfc import jwt
from joserfc.jwk import RSAKey
from typing_extensions import override

from libs.cache.redis import open_redis
from libs.cache.sessions import SessionRecord, SessionStore
from libs.clock import utc_now
from libs.ids import new_id, uuid7
from libs.security.principal import ACR_MFA, ACR_PASSWORD
from libs.security.scopes import CUSTOMER_SCOPES as OF_CUSTOMERS
from libs.security.scopes import STAFF_SCOPES as OF_STAFF
from libs.testing.background import BackgroundLoop
from libs.testing.servers import REDIS_PATIENCE
from libs.topology import MASTER_REGION

ISSUER: Final = "https://auth.meridian.test"
AUDIENCE: Final = "meridian"
CLIENT_ID: Final = "web"
KEY_ID: Final = "test-key"

CUSTOMER_SCOPES: Final = " ".join(OF_CUSTOMERS)
ADMIN_SCOPES: Final = " ".join((*OF_CUSTOMERS, *OF_STAFF))


@dataclass(frozen=True)
class Issuer:
    """A stand-in for auth: signs tokens, publishes the key and records sessions."""

    key: RSAKey
    jwks_url: str

    def sign(self, claims: dict[str, object], *, typ: str = "at+jwt") -> str:
        """Sign any claims, right or wrong."""
        header = {"alg": "RS256", "typ": typ, "kid": KEY_ID}
        return jwt.encode(header, claims, self.key, algorithms=["RS256"])


@dataclass(frozen=True)
class TokenFactory:
    """Makes access tokens; by default a customer's, with a live session if `redis_url` is known."""

    issuer: Issuer
    loop: BackgroundLoop
    redis_url: str

    def __call__(
        self,
        *,
        subject: str | None = None,
        scopes: str = CUSTOMER_SCOPES,
        session: bool = True,
        **overrides: object,
    ) -> str:
        """Return a token; `overrides` replace claims, and a claim set to None is left out.

        With `session=False` the token names a session that does not live.
        """
        now = int(utc_now().timestamp())
        session_id = new_id("ses")
        claims: dict[str, object] = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": subject or new_id("usr"),
            "client_id": CLIENT_ID,
            "iat": now,
            "exp": now + 300,
            "jti": str(uuid7()),
            "auth_time": now,
            "scope": scopes,
            "sid": session_id,
            "home_region": MASTER_REGION,
            "roles": ["customer"],
            **overrides,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        if session:
            self.loop.run(self._record_session(claims))
        return self.issuer.sign(claims)

    def admin(self, **overrides: object) -> str:
        """Return the token of an administrator who has shown a second factor."""
        claims = {"roles": ["admin"], "acr": ACR_MFA, "second_factor": True, **overrides}
        return self(scopes=ADMIN_SCOPES, **claims)  # type: ignore[arg-type]  # claims are JSON

    def admin_by_password(self, **overrides: object) -> str:
        """Return the token of an administrator who has no second factor."""
        return self.admin(**{"acr": ACR_PASSWORD, "second_factor": False, **overrides})

    async def _record_session(self, claims: dict[str, object]) -> None:
        redis = open_redis(self.redis_url, REDIS_PATIENCE)
        signed_in = datetime.fromtimestamp(int(str(claims["iat"])), UTC)
        try:
            await SessionStore(redis).put(
                str(claims["sid"]),
                SessionRecord(
                    session_id=str(claims["sid"]),
                    user_id=str(claims["sub"]),
                    home_region=str(claims["home_region"]),
                    client_id=str(claims["client_id"]),
                    created_at=signed_in,
                    auth_time=signed_in,
                ),
                3600,
                utc_now() + timedelta(days=1),
            )
        finally:
            await redis.aclose()


@contextmanager
def running_issuer() -> Iterator[Issuer]:
    """Make a key and serve its JWKS on a free port."""
    key = RSAKey.generate_key(2048, {"kid": KEY_ID, "use": "sig", "alg": "RS256"})
    document = json.dumps({"keys": [key.as_dict(private=False)]}).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/jwk-set+json")
            self.send_header("Content-Length", str(len(document)))
            self.end_headers()
            self.wfile.write(document)

        @override
        def log_message(self, format: str, *args: object) -> None:
            """Keep quiet: a test's output is its own."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield Issuer(key, f"http://127.0.0.1:{server.server_port}/.well-known/jwks.json")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
