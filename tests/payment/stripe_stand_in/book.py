"""The stand-in's books: intents, refunds, and the first answer to every key."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from libs.clock import utc_now

Answer = tuple[int, dict[str, Any]]

DECLINES = {
    "tok_decline": ("card_declined", "generic_decline"),
    "tok_insufficient_funds": ("card_declined", "insufficient_funds"),
}
CHALLENGES = ("tok_3ds", "tok_3ds_decline")


@dataclass
class Book:
    """Everything Stripe would remember; tests read and bend it directly."""

    base_url: str = ""
    now: datetime = field(default_factory=utc_now)
    """When everything happens: one day, even if midnight falls into a test."""
    intents: dict[str, dict[str, Any]] = field(default_factory=dict)
    refunds: dict[str, dict[str, Any]] = field(default_factory=dict)
    movements: dict[str, dict[str, Any]] = field(default_factory=dict)
    keys: dict[str, tuple[str, Answer]] = field(default_factory=dict)
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)

    def authorize(self, form: dict[str, Any]) -> Answer:
        intent = self._new_intent(form)
        token = form["payment_method"]
        if token in DECLINES:
            return self._decline(intent, *DECLINES[token])
        if token in CHALLENGES:
            url = f"{self.base_url}/challenge/{intent['id']}"
            intent["status"] = "requires_action"
            intent["next_action"] = {
                "type": "redirect_to_url",
                "redirect_to_url": {"url": url, "return_url": form.get("return_url")},
            }
            return 200, dict(intent)
        return self._reserve(intent)

    def confirm(self, intent_id: str) -> None:
        """Let the customer pass, or fail, the challenge."""
        intent = self.intents[intent_id]
        intent["next_action"] = None
        if intent["payment_method"] == "tok_3ds_decline":
            self._decline(intent, "payment_intent_authentication_failure", None)
        else:
            self._reserve(intent)

    def capture(self, intent: dict[str, Any], form: dict[str, Any]) -> Answer:
        amount = int(form.get("amount_to_capture", intent["amount_capturable"]))
        if intent["status"] != "requires_capture":
            return unexpected_state(intent)
        if amount > intent["amount_capturable"]:
            return invalid("amount_too_large")
        intent.update(status="succeeded", amount_received=amount, amount_capturable=0)
        movement = f"txn_{len(self.movements):06}"
        self.movements[movement] = {
            "id": movement,
            "object": "balance_transaction",
            "type": "charge",
            "created": int(self.now.timestamp()),
            "source": {"id": "ch_1", "object": "charge", "payment_intent": intent["id"]},
        }
        return 200, dict(intent)

    def cancel(self, intent: dict[str, Any]) -> Answer:
        if intent["status"] in ("succeeded", "canceled"):
            return unexpected_state(intent)
        intent.update(status="canceled", amount_capturable=0, next_action=None)
        return 200, dict(intent)

    def refund(self, form: dict[str, Any]) -> Answer:
        intent = self.intents[form["payment_intent"]]
        returned = sum(
            refund["amount"]
            for refund in self.refunds.values()
            if refund["payment_intent"] == intent["id"] and refund["status"] != "failed"
        )
        if returned + int(form["amount"]) > intent["amount_received"]:
            return invalid("charge_already_refunded" if returned else "amount_too_large")
        refund = {
            "id": f"re_{len(self.refunds):06}",
            "object": "refund",
            "amount": int(form["amount"]),
            "currency": intent["currency"],
            "payment_intent": intent["id"],
            "status": "pending"
            if intent["payment_method"] == "tok_pending_refund"
            else "succeeded",
            "failure_reason": None,
            "created": int(self.now.timestamp()),
            "metadata": form.get("metadata", {}),
        }
        self.refunds[refund["id"]] = refund
        return 200, dict(refund)

    def remembered(self, key: str, parameters: object) -> Answer | None:
        """Return the first answer to a key, or the refusal of a key that was used for something else."""
        known = self.keys.get(key)
        if known is None:
            return None
        fingerprint, answer = known
        if fingerprint != json.dumps(parameters, sort_keys=True):
            return 400, {"error": {"type": "idempotency_error", "message": "other parameters"}}
        return answer

    def remember(self, key: str, parameters: object, answer: Answer) -> None:
        self.keys[key] = (json.dumps(parameters, sort_keys=True), answer)

    def _new_intent(self, form: dict[str, Any]) -> dict[str, Any]:
        intent = {
            "id": f"pi_{len(self.intents):06}",
            "object": "payment_intent",
            "amount": int(form["amount"]),
            "amount_capturable": 0,
            "amount_received": 0,
            "currency": form["currency"],
            "payment_method": form["payment_method"],
            "status": "requires_payment_method",
            "last_payment_error": None,
            "next_action": None,
            "created": int(self.now.timestamp()),
            "metadata": form.get("metadata", {}),
        }
        self.intents[intent["id"]] = intent
        return intent

    def _reserve(self, intent: dict[str, Any]) -> Answer:
        intent.update(status="requires_capture", amount_capturable=intent["amount"])
        return 200, dict(intent)

    def _decline(self, intent: dict[str, Any], code: str, decline_code: str | None) -> Answer:
        failure = {"type": "card_error", "code": code, "decline_code": decline_code}
        intent.update(status="requires_payment_method", last_payment_error=failure)
        return 402, {"error": {**failure, "message": "declined", "payment_intent": dict(intent)}}


def invalid(code: str, status: int = 400) -> Answer:
    return status, {"error": {"type": "invalid_request_error", "code": code, "message": code}}


def unexpected_state(intent: dict[str, Any]) -> Answer:
    status, body = invalid("payment_intent_unexpected_state")
    body["error"]["payment_intent"] = dict(intent)
    return status, body
