"""The HTTP calls user makes."""

from dataclasses import dataclass
from http import HTTPStatus

from libs.erasure.export import PersonalData
from libs.web.client import CalleeProblem, ServiceClient
from services.user.errors import ProfileNotFound


@dataclass(frozen=True)
class Identity:
    """The fields of an identity that a profile starts with."""

    user_id: str
    display_name: str
    home_region: str


class PersonalDataClient:
    """Asks a service what it knows of one person."""

    def __init__(self, client: ServiceClient) -> None:
        self._client = client

    async def export(self, user_id: str) -> PersonalData:
        """Fetch everything about somebody.

        Raises:
            DependencyUnavailable: the service did not answer.
        """
        answer = await self._client.request(
            "GET", f"/v1/users/{user_id}/personal-data", operation="export_personal_data"
        )
        return PersonalData.model_validate(answer.json())


class OrderClient:
    """Asks order what is still owed to somebody, or by them."""

    def __init__(self, client: ServiceClient) -> None:
        self._client = client

    async def count_open(self, user_id: str) -> int:
        """Count somebody's orders that are not finished.

        Raises:
            DependencyUnavailable: order did not answer.
        """
        answer = await self._client.request(
            "GET", f"/v1/users/{user_id}/open-orders", operation="count_open_orders"
        )
        return int(answer.json()["open_orders"])


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
        return Identity(body["user_id"], body["display_name"], body["home_region"])
