"""Messages from the command line: `python -m libs.messaging declare | republish | dlq | events`.

Read from the environment: REGION, AWS_ENDPOINT_URL, MESSAGING_PREFIX and, to republish, DATABASE_URL_ORDER and so on
(the application role's address of each service) with DATABASE_CA_FILE.
"""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import SecretStr, ValidationError

from libs.database.session import Database, is_unavailable
from libs.messaging import inbox
from libs.messaging.broker import AwsBroker, open_broker
from libs.messaging.catalogue import breaking_changes_in, stale_files, write_files
from libs.messaging.dead_letters import list_dead_letters, queue_named, redrive
from libs.messaging.inbox import GivenUp
from libs.messaging.listing import lines_of_dead_letters, lines_of_given_up
from libs.messaging.republish import republish
from libs.messaging.routing import Queue, Routing
from libs.messaging.topology import declare
from libs.messaging.transport import BrokerError
from libs.settings import DatabaseSettings, problems_of, with_secrets
from libs.topology import MASTER_REGION, SERVICES

EXIT_FAILED: Final = 2


class CommandError(Exception):
    """What was asked for cannot be done; the message says what to change."""


class _Environment(DatabaseSettings):
    region: str = MASTER_REGION
    aws_endpoint_url: str | None = None
    messaging_prefix: str = "meridian"

    def broker(self) -> AbstractAsyncContextManager[AwsBroker]:
        return open_broker(
            region=self.region, endpoint_url=self.aws_endpoint_url, prefix=self.messaging_prefix
        )

    def database_url(self, service: str) -> str | None:
        value: SecretStr | None = getattr(self, f"database_url_{service}")
        return None if value is None else value.get_secret_value()


def main(arguments: Sequence[str]) -> int:
    """Run one command and return the process's exit status."""
    options = _parser().parse_args(arguments)
    try:
        lines = _run(options)
    except (CommandError, LookupError, BrokerError, BotoCoreError, ClientError) as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_FAILED
    except Exception as error:
        if not is_unavailable(error):
            raise
        sys.stderr.write(f"the database does not answer: {error}\n")
        return EXIT_FAILED
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m libs.messaging", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("declare", help="create topics, queues and subscriptions")
    again = commands.add_parser("republish", help="send again what the broker may have lost")
    again.add_argument("--service", default="all", choices=("all", *SERVICES))
    again.add_argument(
        "--since", required=True, type=_moment, help="ISO 8601, UTC unless it says otherwise"
    )
    letters = commands.add_parser("dlq", help="dead letters").add_subparsers(
        dest="dlq_command", required=True
    )
    letters.add_parser("list", help="what each queue has, and what was given up in each inbox")
    back = letters.add_parser("redrive", help="send a queue's dead letters back to it")
    alive = letters.add_parser("revive", help="run what was given up in a queue's inbox again")
    for command in (back, alive):
        command.add_argument("queue", help="a name from `dlq list`")
        command.add_argument("--limit", type=int, default=10_000)
        command.add_argument("--per-second", type=float, default=50.0)
    events = commands.add_parser("events", help="write docs/events.md, asyncapi.json and schemas/")
    events.add_argument("--check", action="store_true", help="only tell whether they are current")
    events.add_argument("--allow-breaking", action="store_true", help="before a first release only")
    return parser


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("write it as 2026-01-31T12:00:00Z") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _run(options: argparse.Namespace) -> list[str]:
    if options.command == "events":
        return _events(check=options.check, allow_breaking=options.allow_breaking)
    environment = _read_environment()
    if options.command == "republish":
        return asyncio.run(_republish(environment, options.service, options.since))
    if options.command == "declare":
        return asyncio.run(_declare(environment))
    if options.dlq_command == "list":
        return asyncio.run(_list_dead_letters(environment))
    queue = queue_named(Routing.load(), options.queue)
    again = _redrive if options.dlq_command == "redrive" else _revive
    return asyncio.run(again(environment, queue, options))


def _read_environment() -> _Environment:
    names = (f"database_url_{service}" for service in SERVICES)
    try:
        return with_secrets(_Environment, names)()
    except ValidationError as error:
        raise CommandError("\n".join(problems_of(error))) from error


async def _declare(environment: _Environment) -> list[str]:
    routing = Routing.load()
    async with environment.broker() as broker:
        await declare(broker, routing)
    queues = list(routing.all_queues())
    return [
        f"{len(routing.topics)} topics, {len(queues)} queues and their dead letters, "
        f"{len(routing.subscriptions)} subscriptions in {environment.region}"
    ]


async def _republish(environment: _Environment, chosen: str, since: datetime) -> list[str]:
    lines: list[str] = []
    for service in SERVICES if chosen == "all" else (chosen,):
        async with _database_of(environment, service) as database:
            lines.append(f"{service}: {await republish(database, since)} messages to send again")
    return lines


async def _list_dead_letters(environment: _Environment) -> list[str]:
    routing = Routing.load()
    async with environment.broker() as broker:
        letters = await list_dead_letters(broker, routing)
    return [*lines_of_dead_letters(letters), "", *await _list_given_up(environment, routing)]


async def _list_given_up(environment: _Environment, routing: Routing) -> list[str]:
    found: dict[str, list[GivenUp]] = {}
    unknown: list[str] = []
    for queue in routing.all_queues():
        owner = routing.owner_of(queue)
        if environment.database_url(owner) is None:
            unknown.append(
                f"DATABASE_URL_{owner.upper()} is not set: {queue.name} is not looked at"
            )
            continue
        async with _database_of(environment, owner) as database, database.transaction() as session:
            found[queue.name] = await inbox.given_up(session, queue.name)
    return [*lines_of_given_up(found), *unknown]


async def _redrive(
    environment: _Environment, queue: Queue, options: argparse.Namespace
) -> list[str]:
    async with environment.broker() as broker:
        moved = await redrive(broker, queue, limit=options.limit, per_second=options.per_second)
    return [f"{moved} messages back in {queue.name}"]


async def _revive(
    environment: _Environment, queue: Queue, options: argparse.Namespace
) -> list[str]:
    owner = Routing.load().owner_of(queue)
    async with _database_of(environment, owner) as database, database.transaction() as session:
        revived = await inbox.revive(
            session, queue.name, limit=options.limit, per_second=options.per_second
        )
    return [f"{revived} messages of {queue.name} will run again, {options.per_second:g} per second"]


@asynccontextmanager
async def _database_of(environment: _Environment, service: str) -> AsyncIterator[Database]:
    url = environment.database_url(service)
    if url is None:
        raise CommandError(f"DATABASE_URL_{service.upper()} is not set")
    database = Database(
        url,
        application_name=f"messaging-{service}",
        pool_size=1,
        ca_file=environment.database_ca_file,
    )
    try:
        yield database
    finally:
        await database.close()


def _events(*, check: bool, allow_breaking: bool) -> list[str]:
    routing = Routing.load()
    stale = stale_files(routing)
    if check:
        if stale:
            raise CommandError(f"not current: {', '.join(stale)}; run `make events`")
        return ["current"]
    breaking = [] if allow_breaking else breaking_changes_in()
    if breaking:
        raise CommandError(
            "these need a new type version, published beside the old one:\n  "
            + "\n  ".join(breaking)
        )
    write_files(routing)
    return [f"wrote {name}" for name in stale] or ["nothing to write"]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
