"""Builds what routes about credentials work with."""

from typing import Annotated

from fastapi import Depends

from libs.database.session import SessionDep
from libs.runtime.resources import ResourcesDep
from services.auth.dependencies import (
    PartsDep,
    SessionEndingDep,
    SessionStartDep,
    ThrottleDep,
    UnitsDep,
    access_tokens,
)
from services.auth.repository import IdentityRepository, MailRequestRepository
from services.auth.service.administration import Administration
from services.auth.service.email_addresses import EmailAddresses
from services.auth.service.factor_judge import FactorJudge
from services.auth.service.mail_tokens import MailTokenService
from services.auth.service.passkeys import PasskeyService
from services.auth.service.password_changes import PasswordChanges
from services.auth.service.second_factors import SecondFactorService
from services.auth.service.second_step import SecondStep
from services.auth.service.step_up import StepUpService


async def factor_judge(resources: ResourcesDep, parts: PartsDep) -> FactorJudge:
    """Give a request what judges second factors."""
    return FactorJudge(parts.relying_party, resources.clock)


FactorJudgeDep = Annotated[FactorJudge, Depends(factor_judge)]


async def second_step(
    resources: ResourcesDep,
    transactions: UnitsDep,
    judge: FactorJudgeDep,
    start: SessionStartDep,
    limits: ThrottleDep,
) -> SecondStep:
    """Give a request logins beyond the password."""
    return SecondStep(transactions, resources.sessions, judge, start, limits, resources.refusals)


async def step_up_service(
    resources: ResourcesDep,
    parts: PartsDep,
    transactions: UnitsDep,
    judge: FactorJudgeDep,
    limits: ThrottleDep,
) -> StepUpService:
    """Give a request the use case of proving again who one is."""
    return StepUpService(
        units=transactions,
        passwords=parts.passwords,
        judge=judge,
        tokens=access_tokens(resources, parts.keyring),
        throttle=limits,
    )


async def second_factor_service(
    transactions: UnitsDep, judge: FactorJudgeDep, ending: SessionEndingDep, limits: ThrottleDep
) -> SecondFactorService:
    """Give a request the enrolment of second factors."""
    return SecondFactorService(transactions, judge, ending, limits)


async def passkey_service(
    parts: PartsDep, transactions: UnitsDep, ending: SessionEndingDep
) -> PasskeyService:
    """Give a request the passkeys of whoever is logged in."""
    return PasskeyService(transactions, parts.relying_party, ending)


async def password_changes(
    parts: PartsDep, transactions: UnitsDep, ending: SessionEndingDep, limits: ThrottleDep
) -> PasswordChanges:
    """Give a request the replacing of passwords."""
    return PasswordChanges(transactions, parts.passwords, ending, limits)


async def email_addresses(
    parts: PartsDep, transactions: UnitsDep, limits: ThrottleDep
) -> EmailAddresses:
    """Give a request the proving and changing of addresses."""
    return EmailAddresses(transactions, parts.passwords, limits)


async def administration(transactions: UnitsDep, ending: SessionEndingDep) -> Administration:
    """Give a request what staff do to accounts."""
    return Administration(transactions, ending)


async def mail_token_service(session: SessionDep) -> MailTokenService:
    """Give a request the minting of tokens in mails."""
    return MailTokenService(MailRequestRepository(session), IdentityRepository(session))


SecondStepDep = Annotated[SecondStep, Depends(second_step)]
SecondFactorServiceDep = Annotated[SecondFactorService, Depends(second_factor_service)]
PasskeyServiceDep = Annotated[PasskeyService, Depends(passkey_service)]
PasswordChangesDep = Annotated[PasswordChanges, Depends(password_changes)]
EmailAddressesDep = Annotated[EmailAddresses, Depends(email_addresses)]
AdministrationDep = Annotated[Administration, Depends(administration)]
StepUpServiceDep = Annotated[StepUpService, Depends(step_up_service)]
MailTokenServiceDep = Annotated[MailTokenService, Depends(mail_token_service)]
