"""What user asks every service that knows something about people."""

from libs.erasure.export import PersonalData
from libs.web.client import ServiceClient


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
