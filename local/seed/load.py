"""Feeds the catalogue to product's import command; makes sure of an administrator and of an application to log in with."""

import asyncio
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import httpx
from rich.progress import track

from local.environments import Environments
from local.progress import Progress as Steps
from local.progress import run_tool
from local.refusal import Refusal
from local.seed.generate import CATALOGUE_FILE, generated_lines
from local.settings import ROOT

APPLICATION_FILE: Final = Path(__file__).with_name("application.json")
"""A native application that can log in at any port of this machine."""


async def seed_if_empty(environments: Environments, steps: Steps) -> None:
    """Load the catalogue, create the administrator and register our application unless the shop has products already.

    Raises:
        Refusal: a command failed.
    """
    if await _has_products(environments):
        return
    async with steps.step("catalogue: imported, administrator: created"):
        await asyncio.gather(
            _import(environments, CATALOGUE_FILE),
            _create_administrator(environments),
            _register_application(environments),
        )


async def seed_catalogue(environments: Environments, *, products: int = 0) -> None:
    """Import our catalogue, or `products` generated ones with a progress bar; repeating it changes nothing.

    Raises:
        Refusal: the import failed, for example because the database does not run.
    """
    await _create_administrator(environments)
    await _register_application(environments)
    if not products:
        await _import(environments, CATALOGUE_FILE)
        return
    file = environments.paths.run / "catalogue.jsonl"
    await asyncio.to_thread(_write_generated, file, products)
    try:
        await _import(environments, file, show=True)
    finally:
        file.unlink()


def _write_generated(file: Path, products: int) -> None:
    with file.open("w", encoding="utf-8") as target:
        lines = track(generated_lines(products), description="composing", total=products)
        target.writelines(json.dumps(line) + "\n" for line in lines)


async def _has_products(environments: Environments) -> bool:
    url = f"{environments.settings.url('product')}/v1/products"
    try:
        async with httpx.AsyncClient(timeout=5, trust_env=False) as http:
            answer = await http.get(url, params={"limit": 1})
            answer.raise_for_status()
    except httpx.HTTPError as error:
        raise Refusal(
            f"The catalogue could not be read ({error}): see `make logs s=product`."
        ) from None
    return bool(answer.json()["items"])


async def _import(environments: Environments, file: Path, *, show: bool = False) -> None:
    await _tool(environments, "product", "import", "--file", str(file), show=show)


async def _create_administrator(environments: Environments) -> None:
    await _tool(
        environments,
        "auth",
        *("create-admin", "--email", environments.settings.admin_email),
        text=environments.credentials.admin_password + "\n",
        more={"ADMIN_TOTP_SECRET": environments.credentials.admin_totp},
    )


async def _register_application(environments: Environments) -> None:
    document = APPLICATION_FILE.read_text(encoding="utf-8")
    await _tool(environments, "auth", "register-client", text=document)


async def _tool(
    environments: Environments,
    service: str,
    *arguments: str,
    text: str = "",
    show: bool = False,
    more: Mapping[str, str] | None = None,
) -> None:
    port = environments.settings.port(service)
    await run_tool(
        (sys.executable, "-m", f"services.{service}.cli", *arguments),
        {**environments.service(service, role="api", port=port), **(more or {})},
        folder=ROOT,
        log=environments.paths.log_of("tools"),
        text=text,
        show=show,
    )
