"""Commands for operators: `python -m services.payment.cli reconcile --day 2026-01-31`, or `check-ledger`."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from datetime import date

from libs.clock import utc_now
from libs.runtime.resources import open_resources
from libs.settings import read_settings
from services.payment.dependencies import build_reconciliation
from services.payment.domain.cases import Run, RunState
from services.payment.repository.unit import Units
from services.payment.service.ledger_check import LedgerCheck, Sum
from services.payment.settings import PaymentSettings


async def reconcile(settings: PaymentSettings, day: date) -> Run | None:
    """Compare a day with the provider's book now; None while another process is at it."""
    async with open_resources(settings) as resources:
        return await build_reconciliation(resources).run_day(day)


async def check_ledger(settings: PaymentSettings) -> Sum:
    """Add up the whole ledger, but for the last minute."""
    async with open_resources(settings) as resources:
        check = LedgerCheck(Units(resources.database, resources.outbox, at_once=1))
        await check.begin_again()
        return check.seen


def main(arguments: Sequence[str], settings: PaymentSettings) -> int:
    """Run a command; the exit status is 0 only when the day was compared, or the ledger balances."""
    parser = argparse.ArgumentParser(prog="python -m services.payment.cli")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("reconcile", help="compare a UTC day with the provider's book")
    command.add_argument("--day", type=_day, required=True, help="2026-01-31")
    commands.add_parser("check-ledger", help="add up the whole ledger, but for the last minute")
    given = parser.parse_args(arguments)
    if given.command == "check-ledger":
        return _report(asyncio.run(check_ledger(settings)))
    run = asyncio.run(reconcile(settings, given.day))
    if run is None:
        sys.stderr.write(f"{given.day} is being compared by another process; try again later\n")
        return 1
    sys.stdout.write(f"{told(run)}\n")
    return 0 if run.state is RunState.SUCCEEDED else 1


def _report(ledger: Sum) -> int:
    sys.stdout.write(f"{ledger.entries} entries, imbalance {ledger.imbalance_minor}\n")
    return 1 if ledger.imbalance_minor else 0


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("write it as 2026-01-31") from None
    if day > utc_now().date():
        raise argparse.ArgumentTypeError("that day has not begun yet (UTC)")
    return day


def told(run: Run) -> str:
    """Tell in one line what a run found."""
    if run.state is not RunState.SUCCEEDED:
        return f"{run.day}: {run.state}: {run.error}"
    tally = run.tally
    return (
        f"{run.day}: compared {tally.charges} charges, {tally.refunds} refunds and"
        f" {tally.payments} payments; {tally.breaks} breaks, {tally.opened} cases opened,"
        f" {tally.healed} healed"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], read_settings(PaymentSettings)))
