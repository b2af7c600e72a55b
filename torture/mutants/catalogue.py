"""The planted bugs: each is a mistake somebody has made, in the one place of ours where it could be made."""

from typing import Final

from torture.mutants.drills import CRASHES, CUSTOMERS, REPEATS
from torture.mutants.mutant import Edit, Mutant

_SAGA: Final = "services/order/domain/saga.py"

MUTANTS: Final = (
    Mutant(
        "no-inbox",
        "a message that comes twice is applied twice",
        (
            Edit(
                "libs/messaging/inbox.py",
                """        .on_conflict_do_nothing()
        .returning(_columns.event_id)
    )
    return inserted.first() is not None
""",
                """        .on_conflict_do_nothing()
        .returning(_columns.event_id)
    )
    inserted.first()
    return True
""",
            ),
        ),
        REPEATS,
        frozenset({"applied_twice"}),
    ),
    Mutant(
        "ack-before-commit",
        "a message is deleted from its queue before its effect is committed",
        (
            Edit(
                "libs/messaging/consumer.py",
                """        try:
            await self._processor.process(""",
                """        self._acknowledgements.add(delivery.receipt)
        try:
            await self._processor.process(""",
            ),
        ),
        CRASHES,
        frozenset({"message_lost"}),
    ),
    Mutant(
        "relay-after-last",
        "the relay reads what lies after the last position it has sent",
        (
            Edit(
                "libs/messaging/relay.py",
                """            rows = (await session.execute(_CLAIM)).all()
            if not rows:
                return Pass()
""",
                """            last = getattr(self, "_last", 0)
            after = _CLAIM.add_columns(_columns.position).where(_columns.position > last)
            rows = (await session.execute(after)).all()
            if not rows:
                return Pass()
            self._last = max(row.position for row in rows)
""",
            ),
        ),
        CRASHES,
        frozenset({"never_published", "message_lost"}),
    ),
    Mutant(
        "outbox-outside-transaction",
        "messages are written a moment after the commit, in a transaction of their own",
        (
            Edit(
                "libs/messaging/outbox.py",
                """        await self._session.execute(
            insert(outbox_messages).values(
                id=envelope.id,
                aggregate_id=envelope.subject,
                aggregate_version=aggregate_version,
                type=envelope.type,
                destination=Routing.load().destination_of(message),
                group_id=envelope.subject if isinstance(message, Command) else None,
                envelope=envelope.to_json(),
            )
        )
""",
                """        statement = insert(outbox_messages).values(
            id=envelope.id,
            aggregate_id=envelope.subject,
            aggregate_version=aggregate_version,
            type=envelope.type,
            destination=Routing.load().destination_of(message),
            group_id=envelope.subject if isinstance(message, Command) else None,
            envelope=envelope.to_json(),
        )
        engine = self._session.bind

        async def write() -> None:
            await asyncio.sleep(0.3)
            async with engine.begin() as connection:
                await connection.execute(statement)

        after_commit(
            self._session,
            lambda: _writing.append(asyncio.get_running_loop().create_task(write())),
        )
""",
            ),
            Edit(
                "libs/messaging/outbox.py",
                "from collections.abc import Callable\n",
                "import asyncio\nfrom collections.abc import Callable\n",
            ),
            Edit(
                "libs/messaging/outbox.py",
                "class Outbox:\n",
                "_writing: list[asyncio.Task[None]] = []\n\n\nclass Outbox:\n",
            ),
        ),
        CRASHES,
        frozenset({"told_differs", "message_lost", "confirmed_before_sold"}),
    ),
    Mutant(
        "no-idempotency-claim",
        "a repeated request is run again whatever its key",
        (
            Edit(
                "libs/idempotency/store.py",
                """    whose = {"principal": identity.principal, "key": identity.key}
    seconds = {"lease\"""",
                """    fresh = f"{identity.key} {uuid7()}"
    identity = Identity(identity.principal, fresh, identity.method_path, identity.fingerprint)
    whose = {"principal": identity.principal, "key": identity.key}
    seconds = {"lease\"""",
            ),
            Edit(
                "libs/idempotency/store.py",
                "from libs.idempotency.reply import StoredReply\n",
                "from libs.idempotency.reply import StoredReply\nfrom libs.ids import uuid7\n",
            ),
        ),
        CUSTOMERS,
        frozenset({"key_used_twice", "delivery_miscounted"}),
    ),
    Mutant(
        "cart-sold-twice",
        "nothing but a glance beforehand keeps a cart from being ordered twice",
        (
            Edit(
                "services/order/migrations/versions/0001_create_orders.py",
                "CREATE UNIQUE INDEX uq_orders_live_cart",
                "CREATE INDEX uq_orders_live_cart",
            ),
        ),
        CUSTOMERS,
        frozenset({"cart_sold_twice"}),
    ),
    Mutant(
        "if-match-ignored",
        "a change on condition of a version is made whatever the version is",
        (
            Edit(
                "libs/web/conditional.py",
                "    if current not in strong:\n",
                "    if not strong:\n",
            ),
        ),
        CUSTOMERS,
        frozenset({"lost_update"}),
    ),
    Mutant(
        "new-provider-key",
        "a call to the provider that was not answered is repeated under another key",
        (
            Edit(
                "services/payment/clients/simulator.py",
                """        headers = {"Idempotency-Key": work.operation.key}
""",
                """        headers = {"Idempotency-Key": f"{work.operation.key}:{work.operation.attempts}"}
""",
            ),
        ),
        CUSTOMERS,
        frozenset({"charged_twice"}),
    ),
    Mutant(
        "timeout-is-a-decline",
        "a provider that does not answer is taken to have declined",
        (
            Edit(
                "services/payment/service/settlement.py",
                """        if isinstance(verdict, Unknown):
            await _postpone(unit, payment, operation, verdict)
            return None
        done =""",
                """        if isinstance(verdict, Unknown):
            verdict = Refused(verdict.reason)
        done =""",
            ),
        ),
        CUSTOMERS,
        frozenset({"money_still_reserved", "money_kept"}),
    ),
    Mutant(
        "ledger-posted-twice",
        "a capture is booked twice",
        (
            Edit(
                "services/payment/service/settlement.py",
                """            await unit.ledger.post(payment, Purpose.CAPTURE, capture_entries(operation.money))
""",
                """            for purpose in (Purpose.CAPTURE, "capture-again"):
                await unit.ledger.post(payment, purpose, capture_entries(operation.money))
""",
            ),
        ),
        CUSTOMERS,
        frozenset({"ledger_differs"}),
    ),
    Mutant(
        "no-void-on-cancel",
        "a cancelled order keeps the money it has reserved",
        (
            Edit(
                _SAGA,
                """        if saga.payment in VOIDABLE:
            asks.append(Outstanding(Ask.VOID))
""",
                "",
            ),
        ),
        CUSTOMERS,
        frozenset({"money_still_reserved"}),
    ),
    Mutant(
        "confirmed-before-sold",
        "an order is confirmed when it is paid, and its stock is committed afterwards",
        (
            Edit(
                "services/order/domain/events.py",
                """        return moved.closed("amount_mismatch")
    return moved
""",
                """        return moved.closed("amount_mismatch")
    return moved.with_order(OrderStatus.CONFIRMED) if moved.is_live else moved
""",
            ),
            Edit(
                _SAGA,
                """        if saga.payment == PaymentStatus.AUTHORIZED:
            asks.append(Outstanding(Ask.CAPTURE))
""",
                """        if saga.payment == PaymentStatus.AUTHORIZED:
            asks.append(Outstanding(Ask.COMMIT_STOCK))
            asks.append(Outstanding(Ask.CAPTURE))
""",
            ),
        ),
        CUSTOMERS,
        frozenset({"confirmed_before_sold"}),
    ),
    Mutant(
        "stock-unchecked",
        "pieces are taken off the shelf whether they are there or not",
        (
            Edit(
                "services/product/repository/stock.py",
                "AND bool_and(buckets = 0 AND available + CAST(:available AS bigint) * quantity >= 0)",
                "AND bool_and(buckets = 0)",
            ),
            Edit(
                "services/product/domain/reservations.py",
                "if there.get(line.sku, 0) < line.quantity",
                "if line.sku not in there",
            ),
            Edit(
                "services/product/migrations/versions/0001_create_catalogue_and_stock.py",
                """sa.CheckConstraint("available >= 0", name""",
                """sa.CheckConstraint("true", name""",
            ),
        ),
        CUSTOMERS,
        frozenset({"oversold", "stock_negative"}),
    ),
    Mutant(
        "released-twice",
        "a release that is repeated gives the pieces back again",
        (
            Edit(
                "services/product/domain/reservations.py",
                '    ReservationState.RELEASED: None,\n}\n"""How a release',
                '    ReservationState.RELEASED: GIVE_BACK_SOLD,\n}\n"""How a release',
            ),
        ),
        REPEATS,
        frozenset({"sold_differs"}),
    ),
)
