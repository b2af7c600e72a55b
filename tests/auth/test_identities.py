from collections.abc import Callable

import pytest

from libs.topology import SERVICES
from tests.auth.conftest import Person

ServiceToken = Callable[[str, str], str]


def as_service(token: str) -> dict[str, str]:
    return {"Service-Authorization": f"Bearer {token}"}


async def test_user_may_ask_who_somebody_is(ada: Person, service_token: ServiceToken) -> None:
    response = await ada.client.get(
        f"/v1/identities/{ada.user_id}", headers=as_service(service_token("user", "auth"))
    )

    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "no-store"
    assert response.json() == {
        "user_id": ada.user_id,
        "email": ada.email,
        "display_name": "Ada",
        "home_region": "us-east-1",
        "status": "active",
    }


@pytest.mark.parametrize("caller", [service for service in SERVICES if service != "user"])
async def test_no_other_service_may(ada: Person, service_token: ServiceToken, caller: str) -> None:
    response = await ada.client.get(
        f"/v1/identities/{ada.user_id}", headers=as_service(service_token(caller, "auth"))
    )
    assert (response.status_code, response.json()["code"]) == (403, "caller_not_allowed")


async def test_no_user_may_not_even_about_themselves(ada: Person) -> None:
    response = await ada.client.get(f"/v1/identities/{ada.user_id}", headers=ada.headers)
    assert (response.status_code, response.json()["code"]) == (401, "service_token_required")


async def test_an_unknown_identity_is_404(ada: Person, service_token: ServiceToken) -> None:
    response = await ada.client.get(
        "/v1/identities/usr_unknown", headers=as_service(service_token("user", "auth"))
    )
    assert (response.status_code, response.json()["code"]) == (404, "identity_not_found")
