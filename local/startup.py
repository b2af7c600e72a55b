"""What starts after what: data stores, then schema and queues, then the services, then the gateway."""

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from libs.clock import utc_now
from local.credentials import SERVICE_KEYS_FOLDER, service_keys_command, service_keys_exist
from local.environments import Environments
from local.gateway import checked_table, gateway_part, write_config
from local.parts import ministack_part, service_parts, simulator_part, valkey_part
from local.postgres import ensure_data_folder, forget_dead_server, postgres_part
from local.process import Part
from local.progress import Progress, run_tool
from local.refusal import Refusal
from local.settings import ROOT
from local.stack import Stack
from local.state import Snapshot, StateFile

_REPUBLISH_MARGIN: Final = timedelta(seconds=5)


class Startup:
    """Brings the stack up.

    Args:
        previous: what the state file said before; after an unclean end the emulator may have lost messages.
    """

    def __init__(
        self,
        environments: Environments,
        progress: Progress,
        state: StateFile,
        *,
        previous: Snapshot,
    ) -> None:
        self._environments = environments
        self._settings = environments.settings
        self._paths = environments.paths
        self._progress = progress
        self._state = state
        self._lost_since = None if previous.clean else previous.emulator_since
        self.stack = Stack(progress, state, {"ministack": self._emulator_is_back})

    async def run(self, *, split: bool) -> None:
        """Start everything; what does not depend on each other starts side by side.

        Raises:
            ExceptionGroup: of Refusals, each naming a part that did not start.
        """
        async with asyncio.TaskGroup() as together:
            together.create_task(self._database())
            together.create_task(self._messaging())
            together.create_task(self._small_parts())
            together.create_task(self._service_keys())
            config = together.create_task(self._gateway_config())
        auth_is_up = asyncio.Event()
        async with asyncio.TaskGroup() as together:
            for part in service_parts(self._environments, split=split):
                together.create_task(self._service(part, auth_is_up))
            await auth_is_up.wait()  # Envoy fetches the JWKS before it listens
            gateway = gateway_part(self._settings, self._paths, config.result())
            together.create_task(self.stack.run("gateway", gateway))

    async def recover(self) -> None:
        """After an unclean end, send again what the emulator may have lost; the shop is open meanwhile."""
        if not self._lost_since:
            return
        try:
            await self._republish()
        except Refusal as refusal:
            self._progress.say(f"{refusal} The next start tries again.")
        else:
            self._lost_since = None

    @property
    def recovered(self) -> bool:
        """True when no message of an earlier, unclean run waits to be sent again."""
        return self._lost_since is None

    async def _database(self) -> None:
        if self._settings.own_postgres:
            folder = self._paths.data / "postgres"
            password = self._environments.credentials.postgres
            async with self._progress.step("postgres: data folder"):
                await asyncio.to_thread(ensure_data_folder, folder, password)
            forget_dead_server(folder)
            await self.stack.run("data", postgres_part(self._settings, self._paths, password))
        async with self._progress.step("database: roles, schemas, migrations"):
            await self._tool("local.database", environment=self._environments.database_tools())

    async def _messaging(self) -> None:
        if self._settings.own_ministack:
            since = self._lost_since or utc_now().isoformat()
            await self.stack.run("data", ministack_part(self._environments))
            self._state.write(replace(self._state.now, emulator_since=since))
        await self._declare()

    async def _declare(self) -> None:
        async with asyncio.TaskGroup() as together:
            if not self._settings.messaging_declared:
                together.create_task(self._declare_messaging())
            if self._settings.messaging_endpoint is not None:
                together.create_task(self._declare_sender())

    async def _declare_messaging(self) -> None:
        async with self._progress.step("messaging: topics, queues, subscriptions"):
            await self._tool("libs.messaging", "declare")

    async def _declare_sender(self) -> None:
        async with self._progress.step("mail: the sender's address"):
            await self._tool("local.sender", environment=self._environments.mail_tools())

    async def _republish(self) -> None:
        """Send again what the emulator lost with its memory; the inboxes drop what had arrived."""
        since = self._state.now.emulator_since
        if since is None:
            return
        began = utc_now().isoformat()
        earlier = (datetime.fromisoformat(since) - _REPUBLISH_MARGIN).isoformat()
        async with self._progress.step(
            f"messaging: republished what was sent since {since[11:19]}"
        ):
            await self._tool("libs.messaging", "republish", "--since", earlier)
        # What is sent again counts as sent from now on: the next crash need not go further back.
        self._state.write(replace(self._state.now, emulator_since=began))

    async def _emulator_is_back(self) -> None:
        await self._declare()
        await self._republish()

    async def _small_parts(self) -> None:
        async with asyncio.TaskGroup() as together:
            together.create_task(self.stack.run("data", simulator_part(self._environments)))
            if self._settings.own_valkey:
                together.create_task(self.stack.run("data", valkey_part(self._environments)))

    async def _service_keys(self) -> None:
        folder = self._paths.secrets / SERVICE_KEYS_FOLDER
        if not service_keys_exist(folder):
            async with self._progress.step("services: signing keys"):
                await self._command(service_keys_command(folder), self._environments.plain())

    async def _gateway_config(self) -> Path:
        async with self._progress.step("gateway: configuration validated by Envoy"):
            return await write_config(checked_table(), self._settings, self._paths)

    async def _service(self, part: Part, auth_is_up: asyncio.Event) -> None:
        await self.stack.run("services", part)
        if part.name == "auth":
            auth_is_up.set()

    async def _tool(
        self, module: str, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> None:
        await self._command(
            (sys.executable, "-m", module, *arguments),
            environment or self._environments.messaging_tools(),
        )

    async def _command(self, command: tuple[str, ...], environment: Mapping[str, str]) -> None:
        await run_tool(command, environment, folder=ROOT, log=self._paths.log_of("tools"))
