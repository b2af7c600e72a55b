"""Rules about pieces: none appears, none vanishes, none is sold twice, and none is withheld from who wants to buy."""

from collections import Counter, defaultdict
from collections.abc import Iterator

from torture.checker.edges import CLOSED
from torture.checker.records import Evidence, Violation


def pieces_are_conserved(evidence: Evidence) -> Iterator[Violation]:
    """Received = available + held + sold, none negative, and received is what its ledger says."""
    for stock in evidence.stock:
        if stock.received != stock.available + stock.held + stock.sold:
            yield Violation(
                "stock_not_conserved",
                f"{stock.sku}: {stock.received} received, {stock.available} available, "
                f"{stock.held} held, {stock.sold} sold.",
            )
        if min(stock.available, stock.held, stock.sold) < 0:
            yield Violation("stock_negative", f"{stock.sku} has a negative number of pieces.")
        if stock.received != stock.adjusted:
            yield Violation(
                "stock_differs_from_ledger",
                f"{stock.sku}: {stock.received} received and its ledger says {stock.adjusted}.",
            )


def sold_pieces_have_orders(evidence: Evidence) -> Iterator[Violation]:
    """Sold = pieces of confirmed orders less those that came back, in stock and in the reservations."""
    status = {order.id: order.order_status for order in evidence.orders}
    ordered: Counter[str] = Counter()
    for line in evidence.lines:
        if status.get(line.order_id) == "confirmed":
            ordered[line.sku] += line.quantity - line.given_back
    committed: Counter[str] = Counter()
    for piece in evidence.reserved:
        if piece.state == "committed":
            committed[piece.sku] += piece.quantity - piece.returned
    for stock in evidence.stock:
        figures = (stock.sold, ordered[stock.sku], committed[stock.sku])
        if len(set(figures)) > 1:
            yield Violation(
                "sold_differs",
                f"{stock.sku}: {figures[0]} sold, confirmed orders have {figures[1]}, "
                f"reservations {figures[2]}.",
            )
        if ordered[stock.sku] > stock.received:
            yield Violation(
                "oversold",
                f"{stock.sku}: confirmed orders have {ordered[stock.sku]} pieces of "
                f"{stock.received}.",
            )


def nothing_stays_held(evidence: Evidence) -> Iterator[Violation]:
    """When all is quiet no piece is held, and closed orders have neither held nor bought any."""
    status = {order.id: order.order_status for order in evidence.orders}
    for stock in evidence.stock:
        if stock.held:
            yield Violation("stock_held", f"{stock.sku}: {stock.held} pieces stay held.")
    for line in evidence.reserved:
        if line.state == "committed" and status.get(line.order_id) in CLOSED:
            yield Violation(
                "stock_kept",
                f"{line.order_id} is {status[line.order_id]} and keeps {line.quantity} of {line.sku}.",
            )


def scarce_stock_sells_out(evidence: Evidence) -> Iterator[Violation]:
    """Who asks for what is left, once all is quiet, gets it: nothing on the shelf is withheld."""
    available = {stock.sku: stock.available for stock in evidence.stock}
    asked: set[str] = set()
    for operation in evidence.history:
        sku = operation.value.get("sell_out")
        if sku is None:
            continue
        asked.add(sku)
        wanted, shown = operation.value["quantity"], operation.value["available"]
        if operation.answer.get("code") == "out_of_stock" and wanted <= shown:
            yield Violation(
                "undersold",
                f"{wanted} of {sku} were refused as sold out with {shown} on the shelf.",
            )
    for sku in sorted(asked):
        if available.get(sku, 0) > 0:
            yield Violation("undersold", f"{available[sku]} pieces of {sku} could not be sold.")


def deliveries_count_once(evidence: Evidence) -> Iterator[Violation]:
    """What staff booked in under one key is in the ledger once; what nobody answered at most once."""
    least: Counter[str] = Counter()
    most: Counter[str] = Counter()
    tries = defaultdict(list)
    for operation in evidence.history:
        if operation.f == "restock":
            tries[operation.value["sku"], operation.value["key"]].append(operation)
    for (sku, _), made in tries.items():
        quantity = int(made[0].value["quantity"])
        outcomes = {operation.outcome for operation in made}
        least[sku] += quantity if "ok" in outcomes else 0
        most[sku] += quantity if outcomes & {"ok", "info"} else 0
    for stock in evidence.stock:
        if stock.sku in most and not least[stock.sku] <= stock.adjusted <= most[stock.sku]:
            yield Violation(
                "delivery_miscounted",
                f"{stock.sku}: {stock.adjusted} pieces are booked in; staff booked between "
                f"{least[stock.sku]} and {most[stock.sku]}.",
            )
