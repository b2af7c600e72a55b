"""Runs Alembic for one service's schema, as the role that owns its tables."""

import asyncio
import random
from collections.abc import Callable
from pathlib import Path
from typing import Final

from alembic import command, context
from alembic.autogenerate import produce_migrations
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.operations.ops import MigrationScript
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, ProgrammingError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from libs.database.bootstrap import roles_of
from libs.database.drafts import MigrationsError, render, slug
from libs.database.session import is_lock_timeout, is_retryable
from libs.database.tls import tls_arguments
from libs.observability.logging import get_logger
from libs.topology import schema_of

VERSION_TABLE: Final = "alembic_version"
SHARED_TABLES: Final = (
    "outbox_messages",
    "inbox_messages",
    "idempotency_keys",
    "erased_users",
    "audit_entries",
    "audit_seals",
    "audit_unsealed",
    "audit_checkpoints",
    "data_keys",
    "plain_text_transition",
)
_SERVICES_FOLDER: Final = Path(__file__).parents[2] / "services"
_TRIES: Final = 20
_PAUSE_SECONDS: Final = 1.0
_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtext('migrate ' || current_schema()))"

log = get_logger(__name__)


def run_migrations(config: Config, metadata: MetaData) -> None:
    """Run what Alembic was asked for; the body of every `services/<service>/migrations/env.py`.

    Raises:
        MigrationsError: started by the `alembic` command instead of `python -m libs.database`.
    """
    describe = config.attributes.get("describe")
    if describe is not None:
        describe.append(metadata)
        return
    connection = config.attributes.get("connection")
    if not isinstance(connection, Connection):
        raise MigrationsError("run migrations with: python -m libs.database upgrade <service>")
    context.configure(
        connection=connection,
        target_metadata=metadata,
        version_table=VERSION_TABLE,
    )
    with context.begin_transaction():
        context.run_migrations()


def has_migrations(service: str) -> bool:
    """Tell whether the service has written its first migration."""
    return any(_folder_of(service).glob("versions/[0-9]*.py"))


async def upgrade(
    service: str, migrator_url: str, revision: str = "head", *, ca_file: Path | None = None
) -> None:
    """Bring the service's schema up to `revision`; does nothing, quickly, when it is there already or beyond.

    Beyond it is while code of the version before is being installed again: the schema was only expanded, and serves both.
    Each migration commits by itself: a constraint can be added in one and checked, with nobody locked out, in the next.
    One that met requests at the locks it needs lets them pass, undone, and is run again. `ca_file` names the authorities the
    server's certificate must come from.

    Raises:
        MigrationsError: the service has no migrations.
        DBAPIError: a migration failed, or requests never left it its locks.
    """
    config = _config(service)
    last = _resolved(config, revision)
    steps: list[bool] = []

    def work(connection: Connection) -> None:
        config.attributes["connection"] = connection
        command.upgrade(config, "+1")
        _protect_version_table(connection, service)

    def work_if_behind(connection: Connection) -> None:
        steps.append(_is_behind(_current(connection), last))
        if steps[-1]:
            work(connection)

    while not steps or steps[-1]:
        await _letting_others_pass(service, migrator_url, work_if_behind, ca_file)


async def _letting_others_pass(
    service: str, migrator_url: str, work: Callable[[Connection], None], ca_file: Path | None
) -> None:
    tries_left = _TRIES
    while tries_left:
        tries_left -= 1
        try:
            await _as_owner(service, migrator_url, work, ca_file)
        except DBAPIError as error:
            if not tries_left or not (is_retryable(error) or is_lock_timeout(error)):
                raise
            log.warning("migration_let_others_pass", service=service, tries_left=tries_left)
            await asyncio.sleep(_PAUSE_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311 - jitter is no secret
        else:
            return


async def downgrade(service: str, migrator_url: str, revision: str) -> None:
    """Take the service's schema back to `revision`; `base` leaves it empty."""
    config = _config(service)

    def work(connection: Connection) -> None:
        config.attributes["connection"] = connection
        command.downgrade(config, revision)

    await _as_owner(service, migrator_url, work)


async def make_migration(
    service: str, message: str, migrator_url: str, *, ca_file: Path | None = None
) -> Path:
    """Write the migration that takes the schema to the service's models, numbered after the last, and return its path.

    It compares with the database behind `migrator_url`.

    Raises:
        MigrationsError: the database is not at the newest migration.
    """
    last = _resolved(_config(service), "head")
    script = await _comparison(service, migrator_url, expected=last, ca_file=ca_file)
    revision = f"{int(last or 0) + 1:04d}"
    path = _folder_of(service) / "versions" / f"{revision}_{slug(message)}.py"
    path.parent.mkdir(exist_ok=True)
    path.write_text(render(script, message, revision, last), encoding="utf-8")
    return path


async def differences(service: str, migrator_url: str) -> list[object]:
    """Return what the service's models have and its migrations lack, or the other way round; empty is right.

    Raises:
        MigrationsError: the database is not at the newest migration.
    """
    expected = _resolved(_config(service), "head")
    script = await _comparison(service, migrator_url, expected=expected)
    return [] if script.upgrade_ops is None else list(script.upgrade_ops.as_diffs())


async def _comparison(
    service: str, migrator_url: str, *, expected: str | None, ca_file: Path | None = None
) -> MigrationScript:
    metadata = metadata_of(service)
    found: list[MigrationScript] = []

    def work(connection: Connection) -> None:
        if _current(connection) != expected:
            raise MigrationsError(f"{service}: upgrade the database to {expected} first")
        migration = MigrationContext.configure(
            connection,
            opts={
                "target_metadata": metadata,
                "version_table": VERSION_TABLE,
                "include_name": _without_foreign_shared_tables(metadata, _partitions(connection)),
            },
        )
        found.append(produce_migrations(migration, metadata))

    await _as_owner(service, migrator_url, work, ca_file)
    return found[0]


def metadata_of(service: str) -> MetaData:
    """Return the tables a service declares."""
    config = _config(service)
    found: list[MetaData] = []
    config.attributes["describe"] = found
    script = ScriptDirectory.from_config(config)
    with EnvironmentContext(config, script):
        script.run_env()
    return found[0]


def _without_foreign_shared_tables(
    metadata: MetaData, partitions: set[str]
) -> Callable[[str | None, str, object], bool]:
    def include(name: str | None, kind: str, _parents: object) -> bool:
        if kind != "table" or name in metadata.tables:
            return True
        return name not in SHARED_TABLES and name not in partitions

    return include


def _partitions(connection: Connection) -> set[str]:
    query = text(
        "SELECT relname FROM pg_class "
        "WHERE relispartition AND relnamespace = current_schema()::regnamespace"
    )
    return set(connection.scalars(query))


async def _as_owner(
    service: str,
    migrator_url: str,
    work: Callable[[Connection], None],
    ca_file: Path | None = None,
) -> None:
    engine = create_async_engine(
        _asyncpg_url(migrator_url),
        poolclass=NullPool,
        connect_args={
            **tls_arguments(ca_file),
            "server_settings": {"application_name": "migrations"},
        },
    )
    owner = roles_of(service)[0]
    try:
        async with engine.begin() as connection:
            # The owner's tables must belong to the owner, so that the application role can never alter them.
            await connection.execute(text(f"SET LOCAL ROLE {owner}"))
            await connection.execute(text(f"SET LOCAL search_path = {schema_of(service)}, ext"))
            await connection.execute(text(_LOCK))
            # From here on: a migration that waits for a lock makes every request behind it wait as well.
            await connection.execute(text("SET LOCAL lock_timeout = '5s'"))
            await connection.run_sync(work)
    finally:
        await engine.dispose()


def _protect_version_table(connection: Connection, service: str) -> None:
    app = roles_of(service)[2]
    connection.execute(text(f"REVOKE INSERT, UPDATE, DELETE ON {VERSION_TABLE} FROM {app}"))


def _current(connection: Connection) -> str | None:
    # Not Alembic's own look-up: this one runs at every start and must not load the models.
    if connection.execute(text(f"SELECT to_regclass('{VERSION_TABLE}')")).scalar() is None:
        return None
    try:
        version = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608 - constant
    except ProgrammingError as error:
        raise MigrationsError(f"{VERSION_TABLE} cannot be read with this role") from error
    return None if version is None else str(version)


def _is_behind(current: str | None, last: str | None) -> bool:
    """Migrations are numbered, with leading zeros; one we do not know was made by later code."""
    return last is not None and (current is None or current < last)


def _resolved(config: Config, revision: str) -> str | None:
    script = ScriptDirectory.from_config(config)
    return script.get_current_head() if revision == "head" else revision


def _config(service: str) -> Config:
    if not (_folder_of(service) / "env.py").exists():
        raise MigrationsError(f"{service}: services/{service}/migrations/env.py does not exist")
    config = Config()
    config.set_main_option("script_location", str(_folder_of(service)).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _folder_of(service: str) -> Path:
    return _SERVICES_FOLDER / service / "migrations"


def _asyncpg_url(url: str) -> str:
    return make_url(url).set(drivername="postgresql+asyncpg").render_as_string(hide_password=False)
