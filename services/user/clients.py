"""The HTTP calls user makes."""

from dataclasses import dataclass
from http import HTTPStatus

from libs.web.client import CalleeProblem, ServiceClient
from services.user.errors import ProfileNotFound


@dataclass(frozen=True)
class Identity:
    """The fields of an identity that a profile starts with."""

    user_id: str
    display_name: str
    home_region: str


class AuthClient:
    """Asks auth about identities; personal data travels here, never in an event."""

    def __init__(self, client: ServiceClient) -> None:
        self._client = client

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
        return Identity(body["user_id"], body["display_name"], body["home_region"])
