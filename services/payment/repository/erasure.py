"""Forgetting somebody: payments keep the money and the provider's reference, and lose what leads to the person.

The reference stays because a refund, a dispute and the daily comparison need it; only the provider can tell whose it
was. The ledger has never named anybody.
"""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from libs.erasure.part import Erased, NotYet
from services.payment.domain.states import IN_FLIGHT, OPEN, PaymentState
from services.payment.models import OperationRow, PaymentRow, ProviderEventRow

ERASED_METHOD: Final = "erased"
EMPTY_BODY: Final = "{}"
_UNSETTLED: Final = (*IN_FLIGHT, PaymentState.AUTHORIZED)


async def remove_payments(session: AsyncSession, user_id: str) -> Erased | NotYet:
    """Empty a user's payments, and the webhooks that spoke of them, of what is personal."""
    if count := await _unsettled(session, user_id):
        return NotYet(f"{count} payments are not settled")
    theirs = await session.scalars(select(PaymentRow.id).where(PaymentRow.user_id == user_id))
    payment_ids = theirs.all()
    emptied = await session.scalars(
        update(PaymentRow)
        .where(PaymentRow.id.in_(payment_ids), PaymentRow.payment_method != ERASED_METHOD)
        .values(payment_method=ERASED_METHOD, return_url=None, redirect_url=None)
        .returning(PaymentRow.id)
        .execution_options(synchronize_session=False)
    )
    return Erased(len(emptied.all()) + await _empty_events(session, payment_ids))


async def _unsettled(session: AsyncSession, user_id: str) -> int:
    """Count the payments the provider may still be asked about with what would be removed."""
    under_way = (
        select(OperationRow.key)
        .where(OperationRow.payment_id == PaymentRow.id, OperationRow.state.in_(OPEN))
        .exists()
    )
    counted = await session.scalar(
        select(func.count())
        .select_from(PaymentRow)
        .where(PaymentRow.user_id == user_id, or_(PaymentRow.state.in_(_UNSETTLED), under_way))
    )
    return counted or 0


async def _empty_events(session: AsyncSession, payment_ids: Sequence[str]) -> int:
    """Events from before `payment_id` was noted are found by what they say."""
    if not payment_ids:
        return 0
    noted = ProviderEventRow.payment_id.in_(payment_ids)
    says = or_(*(ProviderEventRow.body.contains(one, autoescape=True) for one in payment_ids))
    emptied = await session.scalars(
        update(ProviderEventRow)
        .where(
            or_(noted, and_(ProviderEventRow.payment_id.is_(None), says)),
            ProviderEventRow.state != "pending",
            ProviderEventRow.body != EMPTY_BODY,
        )
        .values(body=EMPTY_BODY)
        .returning(ProviderEventRow.id)
        .execution_options(synchronize_session=False)
    )
    return len(emptied.all())
