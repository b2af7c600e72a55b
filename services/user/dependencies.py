"""Builds what routes and consumers work with."""

from typing import Annotated

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncSession

from libs.database.session import SessionDep
from libs.runtime.resources import Resources, ResourcesDep
from libs.security.dependencies import authenticated
from libs.security.principal import Principal
from services.user.clients import AuthClient
from services.user.repository.profiles import AddressRepository, ProfileRepository
from services.user.service.profiles import UserService
from services.user.settings import UserSettings


def build_user_service(resources: Resources, session: AsyncSession) -> UserService:
    """Assemble the use cases over one transaction."""
    return UserService(
        profiles=ProfileRepository(session),
        addresses=AddressRepository(session),
        outbox=resources.outbox(session),
    )


async def ensure_profile(resources: Resources, user_id: str) -> None:
    """Create the user's profile if it is missing; auth is asked with no transaction open.

    Raises:
        ProfileNotFound: auth does not know the user.
        DependencyUnavailable: auth did not answer.
    """
    async with resources.database.transaction() as session:
        if await build_user_service(resources, session).has_profile(user_id):
            return
    settings = resources.settings_as(UserSettings)
    identity = await AuthClient(resources.client("auth", settings.auth_base_url)).get(user_id)
    async with resources.database.transaction() as session:
        await build_user_service(resources, session).create_profile(identity)


def with_profile(scope: str) -> object:
    """Demand a caller with this scope, and give a fresh account its profile before the event arrives."""

    async def authenticated_with_profile(
        principal: Annotated[Principal, Depends(authenticated(scope))], resources: ResourcesDep
    ) -> Principal:
        await ensure_profile(resources, principal.subject)
        return principal

    return Depends(authenticated_with_profile)


async def user_service(resources: ResourcesDep, session: SessionDep) -> UserService:
    """Give a request its use cases."""
    return build_user_service(resources, session)


UserServiceDep = Annotated[UserService, Depends(user_service)]
ProfileRead = Annotated[Principal, with_profile("profile:read")]
ProfileWrite = Annotated[Principal, with_profile("profile:write")]
