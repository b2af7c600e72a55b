"""Models of payment and product as order knows them: idempotent, and telling the outcome again when asked again."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from services.order.domain.goods import Pieces
from services.order.domain.saga import Ask


@dataclass(frozen=True)
class Sent:
    """A command order sent; `about` names a refund or an adjustment."""

    ask: Ask
    about: str | None = None
    amount_minor: int = 0
    pieces: tuple[Pieces, ...] = ()


@dataclass(frozen=True)
class News:
    """An event of payment or product; the version is the payment's."""

    type: str
    version: int = 0
    data: Mapping[str, object] = field(default_factory=dict)


ASKS: Final = {
    "payment.authorize.v1": Ask.AUTHORIZE,
    "payment.capture.v1": Ask.CAPTURE,
    "payment.void.v1": Ask.VOID,
    "payment.refund.v1": Ask.REFUND,
    "stock.commit.v1": Ask.COMMIT_STOCK,
    "stock.release.v1": Ask.RELEASE_STOCK,
    "stock.return.v1": Ask.RETURN_STOCK,
}
MOST_REFUSALS = 2


def sent_of(type_: str, envelope: str) -> Sent:
    """Read a command as it lies in the outbox."""
    data = json.loads(envelope)["data"]
    about = data.get("refund_id") or data.get("return_id")
    amount = data["amount"]["amount_minor"] if "amount" in data else 0
    pieces = tuple(Pieces(line["sku"], line["quantity"]) for line in data.get("lines", ()))
    return Sent(ASKS[type_], about, amount, pieces)


@dataclass
class Payment:
    """One payment per order, one refund per refund id; every message with a version of its own."""

    total_minor: int
    currency: str
    state: str = "none"
    void_requested: bool = False
    captured: int = 0
    refunds: dict[str, bool] = field(default_factory=dict)
    refunded: int = 0
    refusals: int = 0
    version: int = 0

    def handle(self, sent: Sent, outcome: str, *, refused: bool) -> list[News]:
        match sent.ask:
            case Ask.AUTHORIZE:
                return self.become(outcome if self.state == "none" else self.state)
            case Ask.CAPTURE:
                return self._capture(refused=refused)
            case Ask.VOID:
                return self._void()
            case _:
                assert sent.about is not None
                return self._refund(sent.about, sent.amount_minor, refused=refused)

    def become(self, state: str) -> list[News]:
        """Take a state and tell it; telling the same again has a new version."""
        self.state = state
        if state == "none":
            return []
        self.version += 1
        return [self._news(state)]

    def resolve(self, outcome: str) -> list[News]:
        """The provider, or the customer at their bank, has decided."""
        return self.become("voided" if self.void_requested else outcome)

    def _news(self, state: str) -> News:
        amount = {"amount_minor": self.total_minor, "currency": self.currency}
        types: dict[str, tuple[str, dict[str, object]]] = {
            "authorized": ("payment.authorized.v1", {"amount": amount}),
            "declined": ("payment.declined.v1", {}),
            "unknown": ("payment.outcome_unknown.v1", {}),
            "requires_action": (
                "payment.action_required.v1",
                {"redirect_url": "https://bank.example/3ds"},
            ),
            "captured": ("payment.captured.v1", {"amount": amount}),
            "voided": ("payment.voided.v1", {}),
        }
        type_, data = types[state]
        return News(type_, self.version, data)

    def _capture(self, *, refused: bool) -> list[News]:
        if self.state != "authorized":
            return self.become(self.state)
        self.captured = 0 if refused else self.total_minor
        return self.become("declined" if refused else "captured")

    def _void(self) -> list[News]:
        if self.state in {"none", "authorized", "declined", "requires_action"}:
            return self.become("voided")
        self.void_requested = True
        return [] if self.state == "unknown" else self.become(self.state)

    def _refund(self, refund_id: str, amount: int, *, refused: bool) -> list[News]:
        if refund_id not in self.refunds:
            refused = refused and self.refusals < MOST_REFUSALS
            self.refusals += refused
            self.refunds[refund_id] = not refused
            self.refunded += 0 if refused else amount
            assert self.refunded <= self.captured, "payment was asked for more than it captured"
        self.version += 1
        word = "refunded" if self.refunds[refund_id] else "refund_failed"
        money = {"amount_minor": amount, "currency": self.currency}
        data = {"refund_id": refund_id, "amount": money}
        return [News(f"payment.{word}.v1", self.version, data)]


@dataclass
class Stock:
    """Product's one reservation of the order, and which of its pieces can be bought again."""

    ordered: Mapping[str, int]
    state: str = "held"
    returns: set[str] = field(default_factory=set)
    back: Counter[str] = field(default_factory=Counter)

    def handle(self, sent: Sent, *, sold_out: bool) -> list[News] | None:
        """Do what is asked; None if it comes too early and has to be tried again."""
        if sent.ask == Ask.COMMIT_STOCK:
            return self._commit(sold_out=sold_out)
        if sent.ask == Ask.RELEASE_STOCK:
            for sku, quantity in self.ordered.items():
                self.back[sku] = quantity
            self.state = "released"
            return [News("stock.released.v1")]
        assert sent.about is not None
        if self.state in {"held", "expired"}:
            return None
        if self.state == "committed" and sent.about not in self.returns:
            self.returns.add(sent.about)
            for one in sent.pieces:
                self.back[one.sku] += one.quantity
        return [News("stock.returned.v1", data={"return_id": sent.about})]

    def _commit(self, *, sold_out: bool) -> list[News]:
        if self.state == "expired" and sold_out:
            self.state = "rejected"
        elif self.state in {"held", "expired"}:
            self.state = "committed"
        word = "committed" if self.state == "committed" else "commit_rejected"
        return [News(f"stock.{word}.v1")]
