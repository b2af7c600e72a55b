"""Turns rows and totals into what the API shows."""

from collections.abc import Sequence

from libs.money import Money
from services.order.domain.goods import AdjustmentKind, Line
from services.order.domain.pricing import Totals
from services.order.domain.states import OrderStatus
from services.order.models import (
    Adjustment,
    AdjustmentLine,
    Order,
    OrderLine,
    Shipment,
    ShipmentLine,
    TimelineEntry,
)
from services.order.repository import OrderDetails
from services.order.schemas.responses import (
    AddressView,
    CancellationView,
    LineView,
    MoneyView,
    NextAction,
    OrderSummary,
    OrderView,
    PiecesView,
    QuoteLine,
    QuoteView,
    ReceiptLine,
    ReceiptView,
    RefundView,
    ReturnView,
    ShipmentView,
    TimelineEntryView,
)
from services.order.service.rows import goods_of


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
        lines=_line_views(details),
        subtotal=amount(order.subtotal_minor),
        shipping=amount(order.shipping_minor),
        tax=amount(order.tax_minor),
        tax_included=order.tax_included,
        captured=amount(order.captured_minor),
        refunded=amount(order.refunded_minor),
        payment_id=order.payment_id,
        next_action=_next_action(order),
        ship_to=AddressView(**order.ship_to) if order.ship_to else None,
        cancellations=cancellation_views(details),
        refunds=refund_views(details),
        returns=return_views(details),
        shipments=shipment_views(details),
    )


def receipt_view(details: OrderDetails) -> ReceiptView:
    """Show what was sold and for how much, and nothing of what became of it."""
    view = order_view(details)
    return ReceiptView(
        order_id=view.order_id,
        user_id=details.order.user_id,
        lines=[
            ReceiptLine(title=line.title, quantity=line.quantity, amount=line.amount)
            for line in view.lines
        ],
        subtotal=view.subtotal,
        shipping=view.shipping,
        tax=view.tax,
        tax_included=view.tax_included,
        total=view.total,
    )


def cancellation_views(details: OrderDetails) -> list[CancellationView]:
    """Show the pieces that were called off, oldest first."""
    return [
        CancellationView(
            cancellation_id=row.id,
            lines=_adjusted_pieces(details, row.id),
            refund=MoneyView(amount_minor=row.refund_minor, currency=row.currency),
            restock=row.restock,
            reason=row.reason,
            created_at=row.created_at,
        )
        for row in _of_kind(details, AdjustmentKind.CANCELLATION)
    ]


def return_views(details: OrderDetails) -> list[ReturnView]:
    """Show the pieces that came back, oldest first."""
    return [
        ReturnView(
            return_id=row.id,
            order_id=row.order_id,
            lines=_adjusted_pieces(details, row.id),
            refund=MoneyView(amount_minor=row.refund_minor, currency=row.currency),
            restock=row.restock,
            reason=row.reason,
            created_at=row.created_at,
        )
        for row in _of_kind(details, AdjustmentKind.RETURN)
    ]


def refund_views(details: OrderDetails) -> list[RefundView]:
    """Show what was asked back, oldest first."""
    return [
        RefundView(
            refund_id=row.id,
            order_id=row.order_id,
            amount=MoneyView(amount_minor=row.amount_minor, currency=row.currency),
            status=row.status,
            reason=row.reason,
            pays_for=row.pays_for,
            lines=_adjusted_pieces(details, row.pays_for),
            created_at=row.created_at,
        )
        for row in details.state.refunds
    ]


def shipment_views(details: OrderDetails) -> list[ShipmentView]:
    """Show the parcels, oldest first."""
    return [
        ShipmentView(
            shipment_id=row.id,
            order_id=row.order_id,
            carrier=row.carrier,
            tracking_number=row.tracking_number,
            lines=_parcel_pieces(details, row),
            created_at=row.created_at,
        )
        for row in details.shipments
    ]


def _line_views(details: OrderDetails) -> list[LineView]:
    goods = goods_of(details.state, details.goods)
    rows = zip(details.goods.lines, goods.lines, strict=True)
    return [_line_view(row, line, details.order) for row, line in rows]


def _line_view(row: OrderLine, line: Line, order: Order) -> LineView:
    unit_price = Money(row.unit_price_minor, row.currency)
    # An order that is cancelled as a whole takes along what was still open.
    called_off = line.open if order.order_status == OrderStatus.CANCELLED else 0
    return LineView(
        sku=row.sku,
        title=row.title,
        quantity=row.quantity,
        unit_price=money(unit_price),
        price_version=row.price_version,
        amount=money(unit_price * row.quantity),
        tax=MoneyView(amount_minor=row.tax_minor, currency=row.currency),
        cancelled=line.cancelled + called_off,
        shipped=line.shipped,
        returned=line.returned,
        refunded=line.refunded,
    )


def _next_action(order: Order) -> NextAction | None:
    if order.action_url is None or order.order_status != OrderStatus.PENDING:
        return None
    return NextAction(type="redirect", url=order.action_url)


def _of_kind(details: OrderDetails, kind: AdjustmentKind) -> list[Adjustment]:
    return [row for row in details.state.adjustments if row.kind == kind]


def _adjusted_pieces(details: OrderDetails, adjustment_id: str | None) -> list[PiecesView]:
    rows = details.state.adjustment_lines
    return _pieces([row for row in rows if row.adjustment_id == adjustment_id])


def _parcel_pieces(details: OrderDetails, shipment: Shipment) -> list[PiecesView]:
    rows = [row for row in details.goods.shipment_lines if row.shipment_id == shipment.id]
    return _pieces(rows or details.goods.lines)


def _pieces(rows: Sequence[AdjustmentLine | OrderLine | ShipmentLine]) -> list[PiecesView]:
    return [PiecesView(sku=row.sku, quantity=row.quantity) for row in rows]


def timeline_entry_view(entry: TimelineEntry) -> TimelineEntryView:
    """Show one step."""
    return TimelineEntryView.model_validate(entry)
