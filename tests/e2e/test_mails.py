"""What a customer finds in the mailbox: the worker of user sends, the emulator's SES keeps."""

import os
import re
import secrets
import signal
from typing import Any

import httpx
import pytest

from libs.testing.scale import trials
from libs.testing.waiting import eventually
from libs.topology import LOCAL_PORTS
from local.mail import sent_mails
from tests.e2e.shopper import Shopper, new_product, settled
from tests.e2e.stack import Stack

pytestmark = [pytest.mark.e2e, pytest.mark.stack]

Mails = list[dict[str, Any]]


def mailbox(stack: Stack, shopper: Shopper) -> dict[str, Mails]:
    """Return a customer's mails by subject."""
    port = LOCAL_PORTS["ministack"] + int(stack.environment["PORT_OFFSET"])
    found: dict[str, Mails] = {}
    for mail in sent_mails(f"http://127.0.0.1:{port}", shopper.login["email"]):
        found.setdefault(str(mail["Subject"]), []).append(mail)
    return found


async def arrival(stack: Stack, shopper: Shopper, subject: str) -> dict[str, Any]:
    """Wait for a mail and return it."""
    mails = await eventually(lambda: mailbox(stack, shopper).get(subject), timeout=60)
    assert mails
    return mails[0]


def token_in(mail: dict[str, Any], page: str) -> str:
    found = re.search(rf"/{page}#token=(\S+)", mail["BodyText"])
    assert found is not None, mail["BodyText"]
    return found.group(1)


async def test_what_happens_to_an_account_and_its_orders_is_told_in_one_mail_each(
    stack: Stack, http: httpx.AsyncClient, admin: Shopper
) -> None:
    sku = await new_product(admin, stock=1)
    buyer = await Shopper(http).register()
    await _verify_the_address(stack, buyer)
    await _reset_the_password(stack, buyer)
    order_id = await _buy(buyer, sku)
    confirmation = await arrival(stack, buyer, "Your order is confirmed")
    assert order_id in confirmation["BodyText"]
    assert f"1 x Thing {sku}, One size: 15.00 USD" in confirmation["BodyText"]
    await arrival(stack, buyer, "Your account was changed")
    assert {subject: len(mails) for subject, mails in mailbox(stack, buyer).items()} == {
        "Confirm your e-mail address": 1,
        "Choose a new password": 1,
        "Your account was changed": 1,
        "Your order is confirmed": 1,
    }
    shown = stack.command("mail", "--to", buyer.login["email"])
    assert shown.returncode == 0
    assert shown.stdout.count(buyer.login["email"]) == 4


async def _verify_the_address(stack: Stack, buyer: Shopper) -> None:
    mail = await arrival(stack, buyer, "Confirm your e-mail address")
    proof = {"token": token_in(mail, "verify-email")}
    for expected in (204, 400):
        answer = await buyer.send("POST", "/v1/auth/email/verify", proof)
        assert answer.status_code == expected, answer.text


async def _reset_the_password(stack: Stack, buyer: Shopper) -> None:
    email = buyer.login["email"]
    asked = await buyer.send("POST", "/v1/auth/password/forgot", {"email": email})
    assert asked.status_code == 202, asked.text
    mail = await arrival(stack, buyer, "Choose a new password")
    password = secrets.token_urlsafe(18)
    new = {"token": token_in(mail, "reset-password"), "password": password}
    answer = await buyer.send("POST", "/v1/auth/password/reset", new)
    assert answer.status_code == 204, answer.text
    await buyer.log_in(email, password)


async def _buy(buyer: Shopper, sku: str) -> str:
    cart = await buyer.fill_cart(sku)
    placed = await buyer.place(await buyer.order_body(cart["cart_id"]), wait=10)
    order = await settled(buyer, placed.json()["order_id"])
    assert order["status"] == "confirmed"
    return str(order["order_id"])


async def test_a_worker_killed_while_it_sends_loses_no_mail_and_sends_one_more_at_most(
    stack: Stack, http: httpx.AsyncClient
) -> None:
    for _ in range(trials(1, 20)):
        people = [Shopper(http) for _ in range(3)]
        for person in people:
            person.login = {
                "email": f"shopper.{secrets.token_hex(8)}@example.com",
                "password": secrets.token_urlsafe(18),
            }
            answer = await person.send(
                "POST", "/v1/auth/register", {**person.login, "display_name": "Shopper"}
            )
            assert answer.status_code == 201, answer.text
        os.kill(stack.pid_of("user"), signal.SIGKILL)
        for person in people:
            await arrival(stack, person, "Confirm your e-mail address")
        for person in people:
            assert sum(map(len, mailbox(stack, person).values())) <= 2
