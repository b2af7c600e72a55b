"""Makes staff of people."""

from sqlalchemy import update

from libs.database.session import Database
from services.auth.domain.proofs import PASSWORD_AND_PASSKEY
from services.auth.models import Identity, RefreshFamily
from tests.auth.conftest import Person


async def promoted(person: Person, database: Database) -> Person:
    """Give somebody the rights of staff; return them logged in with their password."""
    async with database.transaction() as session:
        staff = update(Identity).where(Identity.id == person.user_id)
        await session.execute(staff.values(roles=["customer", "admin"]))
    return await person.log_in()


async def proved(person: Person, database: Database) -> Person:
    """Return somebody as if they had begun their session with a second factor."""
    proof = PASSWORD_AND_PASSKEY
    async with database.transaction() as session:
        theirs = update(RefreshFamily).where(
            RefreshFamily.session_id == person.tokens["session_id"]
        )
        await session.execute(theirs.values(acr=proof.acr, amr=list(proof.amr)))
    person.tokens = (await person.refresh()).json()
    return person
