"""What placing an order writes: the order and its immutable lines, where its story begins, and what is told and asked."""

from dataclasses import dataclass

from libs.contracts.message import Amount
from libs.contracts.order import OrderLine as LineContract
from libs.contracts.order import OrderPlaced
from libs.security.principal import Principal
from services.order.clients import Address
from services.order.domain import saga as rules
from services.order.domain.pricing import Totals
from services.order.domain.saga import Saga
from services.order.models import Order, OrderLine, TimelineEntry
from services.order.schemas.requests import PlaceOrder
from services.order.service.progress import Progress


@dataclass(frozen=True)
class Placement:
    """Everything T2 writes, gathered before it starts."""

    order_id: str
    customer: Principal
    request: PlaceOrder
    address: Address
    totals: Totals


def order_values(placement: Placement) -> dict[str, object]:
    """Return the row of a new order, with everything its total can be computed from again."""
    customer, request, totals = placement.customer, placement.request, placement.totals
    start = Saga(total=totals.total)
    return {
        "id": placement.order_id,
        "user_id": customer.subject,
        "home_region": customer.home_region,
        "cart_id": request.cart_id,
        "cart_version": request.cart_version,
        "order_status": start.order,
        "payment_status": start.payment,
        "shipment_status": start.shipment,
        "stock_returned": start.stock_returned,
        "currency": totals.total.currency,
        "subtotal_minor": totals.subtotal.amount_minor,
        "shipping_minor": totals.shipping.amount_minor,
        "tax_minor": totals.tax.amount_minor,
        "tax_included": totals.tax_included,
        "total_minor": totals.total.amount_minor,
        "rates_version": totals.terms.rates_version,
        "shipping_tax_basis_points": totals.terms.shipping_basis_points,
        "shipping_flat_minor": totals.terms.shipping.flat_minor,
        "shipping_free_from_minor": totals.terms.shipping.free_from_minor,
        "captured_minor": start.captured_minor,
        "refunded_minor": start.refunded_minor,
        "payment_method": request.payment_method,
        "payment_version": start.payment_version,
        "return_url": request.return_url,
        "parcels": start.parcels,
        "address_id": request.address_id,
        "ship_to": dict(placement.address.fields),
        "version": 1,
        "last_sequence": 1,
        "checks": 0,
    }


def line_rows(placement: Placement) -> list[OrderLine]:
    """Return the rows of its lines."""
    return [
        OrderLine(
            order_id=placement.order_id,
            line_number=number,
            sku=taxed.line.sku,
            title=taxed.line.title,
            quantity=taxed.line.quantity,
            unit_price_minor=taxed.line.unit_price.amount_minor,
            currency=taxed.line.unit_price.currency,
            price_version=taxed.line.price_version,
            tax_basis_points=taxed.basis_points,
            tax_minor=taxed.tax.amount_minor,
        )
        for number, taxed in enumerate(placement.totals.lines, start=1)
    ]


def first_step(order: Order) -> TimelineEntry:
    """Return where its story begins."""
    return TimelineEntry(
        order_id=order.id,
        sequence=order.last_sequence,
        axis="order",
        from_status=None,
        to_status=order.order_status,
        cause="placed_by_customer",
        cause_event_id=None,
    )


async def announce(progress: Progress, order: Order, placement: Placement) -> None:
    """Tell that the order exists, and ask for its payment."""
    placed = OrderPlaced(
        order_id=order.id,
        user_id=order.user_id,
        home_region=order.home_region,
        cart_id=order.cart_id,
        cart_version=order.cart_version,
        lines=tuple(
            LineContract(
                sku=taxed.line.sku,
                title=taxed.line.title,
                quantity=taxed.line.quantity,
                unit_price_minor=taxed.line.unit_price.amount_minor,
                price_version=taxed.line.price_version,
            )
            for taxed in placement.totals.lines
        ),
        total=Amount.of(placement.totals.total),
    )
    await progress.outbox.add(placed, aggregate_version=order.version)
    saga = Saga(total=placement.totals.total)
    for ask in rules.outstanding(saga):
        await progress.send(order, saga, ask)
