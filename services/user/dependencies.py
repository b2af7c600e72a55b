"""Builds what routes and consumers work with."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Final
from uuid import UUID

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncSession

from libs.aws import aws_session
from libs.contracts.erasure import ErasureCompleted
from libs.database.session import SessionDep
from libs.erasure import tombstones
from libs.messaging.handlers import HandlerContext
from libs.messaging.outbox import Outbox
from libs.runtime.resources import Resources, ResourcesDep
from libs.security.dependencies import (
    STAFF_ROLE,
    authenticated,
    authenticated_live,
    recently_authenticated,
)
from libs.security.principal import Principal
from services.user.clients.auth import AuthClient
from services.user.clients.order import OrderClient
from services.user.clients.privacy import PersonalDataClient
from services.user.clients.ses import open_ses
from services.user.domain.mails import MailKind
from services.user.errors import StillStaff
from services.user.repository.erasures import ErasureRepository
from services.user.repository.mails import MailRepository
from services.user.repository.privacy import ConsentRepository, ExportRepository
from services.user.repository.profiles import AddressRepository, ProfileRepository
from services.user.service.consents import ConsentService
from services.user.service.erasing import Erasing, take_answer
from services.user.service.erasures import ErasureRequests, ErasureService, ReceiptTokens
from services.user.service.exports import Exporting, ExportService
from services.user.service.letters import Letters
from services.user.service.mails import MailRoom
from services.user.service.profiles import UserService
from services.user.settings import UserSettings

ACCOUNT_SCOPE: Final = "account:manage"
"""What our own logins may and no application: erasure, and the copy of everything."""

_prove_recently = recently_authenticated(ACCOUNT_SCOPE)


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
        AccountErased: the user is forgotten.
        DependencyUnavailable: auth did not answer.
    """
    async with resources.database.transaction() as session:
        if await build_user_service(resources, session).has_profile(user_id):
            return
        await tombstones.require_living(session, user_id)
    identity = await _auth(resources).get(user_id)
    async with resources.database.transaction() as session:
        await tombstones.require_living(session, user_id)
        await build_user_service(resources, session).create_profile(identity)


def build_erasing(resources: Resources) -> Erasing:
    """Assemble what drives erasures; it opens transactions of its own."""
    return Erasing(
        database=resources.database,
        outbox_of=resources.outbox,
        accounts=_auth(resources),
        orders=_order(resources),
    )


async def take_erasure_answer(
    resources: Resources, session: AsyncSession, outbox: Outbox, told: ErasureCompleted
) -> None:
    """Note a service's answer in the transaction of its message."""
    await take_answer(ErasureRepository(session), outbox, resources.signer, told)


def _auth(resources: Resources) -> AuthClient:
    settings = resources.settings_as(UserSettings)
    return AuthClient(resources.client("auth", settings.auth_base_url))


def _order(resources: Resources) -> OrderClient:
    settings = resources.settings_as(UserSettings)
    return OrderClient(resources.client("order", settings.order_base_url))


async def queue_mail(context: HandlerContext, kind: MailKind, user_id: str, about: str) -> None:
    """Have the mail room tell somebody of the message being handled, once its transaction is committed."""
    await MailRepository(context.session).queue(UUID(context.envelope.id), kind, user_id, about)


def build_mail_room(resources: Resources) -> MailRoom:
    """Assemble what sends the mails."""
    settings = resources.settings_as(UserSettings)
    open_mailer = partial(
        open_ses,
        aws_session(settings.region, settings.aws_endpoint_url),
        settings.aws_endpoint_url,
        settings.mail_from,
        settings.mail_configuration_set,
    )
    return MailRoom(
        resources.database,
        _auth(resources),
        _order(resources),
        Letters(settings.shop_url.rstrip("/")),
        open_mailer,
    )


def with_profile(demand: Callable[..., Awaitable[Principal]]) -> object:
    """Give the account of a caller who meets the demand its profile, should the event not have arrived yet."""

    async def authenticated_with_profile(
        principal: Annotated[Principal, Depends(demand)], resources: ResourcesDep
    ) -> Principal:
        await ensure_profile(resources, principal.subject)
        return principal

    return Depends(authenticated_with_profile)


async def user_service(resources: ResourcesDep, session: SessionDep) -> UserService:
    """Give a request its use cases."""
    return build_user_service(resources, session)


async def erasure_service(session: SessionDep) -> ErasureService:
    """Give a request what shows erasures."""
    return ErasureService(ErasureRepository(session))


async def erasure_requests(resources: ResourcesDep) -> ErasureRequests:
    """Give a request what takes erasures down; no session is opened for it."""
    secret = resources.settings.signing_secret.get_secret_value().encode()
    return ErasureRequests(resources.database, build_erasing(resources), ReceiptTokens(secret))


async def to_be_forgotten(
    request: Request,
    caller: Annotated[Principal, Depends(authenticated(ACCOUNT_SCOPE))],
    requests: Annotated[ErasureRequests, Depends(erasure_requests)],
) -> Principal:
    """Demand a proof of the last five minutes, unless the caller asked before: that has ended the session.

    Staff are not forgotten while they are staff. Nobody can take the role from themselves, so one administrator remains.

    Raises:
        StillStaff: the caller administers the shop.
        StepUpRequired: the proof is older, or was not the second factor.
        SessionEnded: the session is over.
        SessionStoreUnavailable: that cannot be known.
    """
    if await requests.is_known(caller.subject):
        return caller
    proven = await _prove_recently(request, None)
    if STAFF_ROLE in proven.roles:
        raise StillStaff
    return proven


async def consent_service(session: SessionDep) -> ConsentService:
    """Give a request its use cases on consents."""
    return ConsentService(ConsentRepository(session))


async def export_service(resources: ResourcesDep, session: SessionDep) -> ExportService:
    """Give a request its use cases on exports."""
    return ExportService(ExportRepository(session), resources.audit(session))


async def exporting(resources: ResourcesDep) -> Exporting:
    """Give a request what puts a copy together; no session is opened for it."""
    settings = resources.settings_as(UserSettings)
    addresses = {
        "auth": settings.auth_base_url,
        "cart": settings.cart_base_url,
        "order": settings.order_base_url,
        "payment": settings.payment_base_url,
    }
    parts = {
        service: PersonalDataClient(resources.client(service, address))
        for service, address in addresses.items()
    }
    return Exporting(resources.database, parts, resources.clock)


ConsentServiceDep = Annotated[ConsentService, Depends(consent_service)]
ExportServiceDep = Annotated[ExportService, Depends(export_service)]
ExportingDep = Annotated[Exporting, Depends(exporting)]
ErasureServiceDep = Annotated[ErasureService, Depends(erasure_service)]
ErasureRequestsDep = Annotated[ErasureRequests, Depends(erasure_requests)]
ToBeForgotten = Annotated[Principal, Depends(to_be_forgotten)]
LoggedIn = Annotated[Principal, Depends(authenticated("profile:read"))]
UserServiceDep = Annotated[UserService, Depends(user_service)]
ProfileRead = Annotated[Principal, with_profile(authenticated("profile:read"))]
ProfileWrite = Annotated[Principal, with_profile(authenticated("profile:write"))]
LiveProfile = Annotated[Principal, with_profile(authenticated_live(ACCOUNT_SCOPE))]
ProvenProfile = Annotated[Principal, with_profile(recently_authenticated(ACCOUNT_SCOPE))]
