"""Turns rows and totals into what the API shows."""

from libs.money import Money
from services.order.domain.pricing import Totals
from services.order.models import Order, OrderLine, Refund, Shipment, TimelineEntry
from services.order.repository import OrderDetails
from services.order.schemas import (
    AddressView,
    LineView,
    MoneyView,
    OrderSummary,
    OrderView,
    QuoteLine,
    QuoteView,
    RefundView,
    ShipmentView,
    TimelineEntryView,
)


def money(amount: Money) -> MoneyView:
    """Show an amount."""
    return MoneyView(amount_minor=amount.amount_minor, currency=amount.currency)


def quote_view(cart_id: str, cart_version: int, totals: Totals) -> QuoteView:
    """Show what a cart costs."""
    return QuoteView(
        cart_id=cart_id,
        cart_version=cart_version,
        lines=[
            QuoteLine(
                sku=taxed.line.sku,
                title=taxed.line.title,
                quantity=taxed.line.quantity,
                unit_price=money(taxed.line.unit_price),
                price_version=taxed.line.price_version,
                amount=money(taxed.line.amount),
                tax=money(taxed.tax),
            )
            for taxed in totals.lines
        ],
        subtotal=money(totals.subtotal),
        shipping=money(totals.shipping),
        tax=money(totals.tax),
        tax_included=totals.tax_included,
        total=money(totals.total),
    )


def order_summary(order: Order) -> OrderSummary:
    """Show an order in a list."""
    return OrderSummary(
        order_id=order.id,
        status=order.order_status,
        payment_status=order.payment_status,
        shipment_status=order.shipment_status,
        reason=order.reason,
        total=MoneyView(amount_minor=order.total_minor, currency=order.currency),
        version=order.version,
        created_at=order.created_at,
        updated_at=order.updated_at,
    )


def order_view(details: OrderDetails) -> OrderView:
    """Show an order with all its parts."""
    order = details.order

    def amount(minor: int) -> MoneyView:
        return MoneyView(amount_minor=minor, currency=order.currency)

    return OrderView(
        **dict(order_summary(order)),
        cart_id=order.cart_id,
        cart_version=order.cart_version,
        lines=[line_view(line) for line in details.lines],
        subtotal=amount(order.subtotal_minor),
        shipping=amount(order.shipping_minor),
        tax=amount(order.tax_minor),
        tax_included=order.tax_included,
        captured=amount(order.captured_minor),
        refunded=amount(order.refunded_minor),
        payment_id=order.payment_id,
        ship_to=AddressView(**order.ship_to),
        refunds=[refund_view(refund) for refund in details.refunds],
        shipments=[shipment_view(shipment) for shipment in details.shipments],
    )


def line_view(line: OrderLine) -> LineView:
    """Show a line as it was sold."""
    unit_price = Money(line.unit_price_minor, line.currency)
    return LineView(
        sku=line.sku,
        title=line.title,
        quantity=line.quantity,
        unit_price=money(unit_price),
        price_version=line.price_version,
        amount=money(unit_price * line.quantity),
        tax=MoneyView(amount_minor=line.tax_minor, currency=line.currency),
    )


def refund_view(refund: Refund) -> RefundView:
    """Show a refund."""
    return RefundView(
        refund_id=refund.id,
        order_id=refund.order_id,
        amount=MoneyView(amount_minor=refund.amount_minor, currency=refund.currency),
        status=refund.status,
        reason=refund.reason,
        created_at=refund.created_at,
    )


def shipment_view(shipment: Shipment) -> ShipmentView:
    """Show a parcel."""
    return ShipmentView(
        shipment_id=shipment.id,
        order_id=shipment.order_id,
        carrier=shipment.carrier,
        tracking_number=shipment.tracking_number,
        created_at=shipment.created_at,
    )


def timeline_entry_view(entry: TimelineEntry) -> TimelineEntryView:
    """Show one step."""
    return TimelineEntryView.model_validate(entry)
