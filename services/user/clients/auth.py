"""What user asks auth."""

from dataclasses import dataclass, field
from http import HTTPStatus

from pydantic import BaseModel, Field

from libs.web.client import CalleeProblem, ServiceClient
from services.user.errors import ProfileNotFound


@dataclass(frozen=True)
class Identity:
    """What a profile starts with, and where its person's mails go."""

    user_id: str
    display_name: str
    home_region: str
    email: str = field(repr=False)


class MailToken(BaseModel):
    """Where a mail goes, and the secret it carries there; auth keeps its hash only.

    `expires_in` is in seconds. A request that only names an address has no token.
    """

    user_id: str
    purpose: str
    email: str = Field(repr=False)
    token: str | None = Field(repr=False)
    expires_in: int | None


class AuthClient:
    """Asks auth about identities; personal data travels here, never in an event."""

    def __init__(self, client: ServiceClient) -> None:
        self._client = client

    async def close(self, user_id: str) -> None:
        """Disable an account and end its sessions.

        Raises:
            DependencyUnavailable: auth did not answer; nobody may log in, or everything is as it was.
        """
        await self._client.request(
            "POST",
            f"/v1/identities/{user_id}/closure",
            operation="close_identity",
            idempotency_key=f"close-{user_id}",
        )

    async def get(self, user_id: str) -> Identity:
        """Fetch an identity.

        Raises:
            ProfileNotFound: auth does not know the user.
            DependencyUnavailable: auth did not answer.
        """
        try:
            answer = await self._client.request(
                "GET", f"/v1/identities/{user_id}", operation="get_identity"
            )
        except CalleeProblem as problem:
            if problem.status == HTTPStatus.NOT_FOUND:
                raise ProfileNotFound("No identity belongs to this token any more.") from problem
            raise
        body = answer.json()
        return Identity(body["user_id"], body["display_name"], body["home_region"], body["email"])

    async def mint_mail_token(self, request_id: str) -> MailToken | None:
        """Have auth mint the secret of a request that was mailed about; None when the request is over.

        Raises:
            DependencyUnavailable: auth did not answer.
        """
        try:
            answer = await self._client.request(
                "POST",
                "/v1/mail-tokens",
                operation="mint_mail_token",
                json={"request_id": request_id},
            )
        except CalleeProblem as problem:
            if problem.status == HTTPStatus.NOT_FOUND:
                return None
            raise
        return answer.parse(MailToken)
