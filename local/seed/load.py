"""Feeds the catalogue to product's import command and makes sure there is an administrator."""

import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

import httpx
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from local.environments import Environments
from local.progress import Progress as Steps
from local.progress import run_tool
from local.refusal import Refusal
from local.seed.generate import CATALOGUE_FILE, generated_lines
from local.settings import ROOT

_CHUNK_LINES: Final = 2_000


async def seed_if_empty(environments: Environments, steps: Steps) -> None:
    """Load the catalogue and create the administrator unless the shop has products already.

    Raises:
        Refusal: a command failed.
    """
    if await _has_products(environments):
        return
    async with steps.step("catalogue: imported, administrator: created"):
        await asyncio.gather(
            _tool(environments, "product", *_import_arguments(CATALOGUE_FILE)),
            _tool(environments, "auth", *_admin_arguments(environments)),
        )


def seed_catalogue(environments: Environments, *, products: int = 0) -> None:
    """Import our catalogue, or `products` generated ones with a progress bar; repeating it changes nothing.

    Raises:
        Refusal: the import failed, for example because the database does not run.
    """
    _run(environments, "auth", _admin_arguments(environments))
    if not products:
        _run(environments, "product", _import_arguments(CATALOGUE_FILE))
        return
    with Progress(
        "[progress.description]{task.description}",
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    ) as bar:
        task = bar.add_task("products", total=products)
        for chunk in _chunks(generated_lines(products)):
            with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".jsonl") as file:
                file.writelines(json.dumps(line) + "\n" for line in chunk)
                file.flush()
                _run(environments, "product", _import_arguments(Path(file.name)))
            bar.advance(task, sum("category" not in line or "slug" in line for line in chunk))


def _chunks(lines: Iterable[dict[str, object]]) -> Iterator[list[dict[str, object]]]:
    chunk: list[dict[str, object]] = []
    for line in lines:
        chunk.append(line)
        if len(chunk) == _CHUNK_LINES:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


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


def _import_arguments(file: Path) -> tuple[str, ...]:
    return ("import", "--file", str(file))


def _admin_arguments(environments: Environments) -> tuple[str, ...]:
    return ("create-admin", "--email", environments.settings.admin_email)


def _environment(environments: Environments, service: str) -> Mapping[str, str]:
    port = environments.settings.port(service)
    return {
        **environments.service(service, role="api", port=port),
        "ADMIN_PASSWORD": environments.credentials.admin_password,
    }


async def _tool(environments: Environments, service: str, *arguments: str) -> None:
    await run_tool(
        (sys.executable, "-m", f"services.{service}.cli", *arguments),
        _environment(environments, service),
        folder=ROOT,
        log=environments.paths.log_of("tools"),
    )


def _run(environments: Environments, service: str, arguments: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", f"services.{service}.cli", *arguments],
        env=_environment(environments, service),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        words = " ".join((done.stderr or done.stdout).split())[-400:]
        raise Refusal(
            f"`services.{service}.cli {arguments[0]}` failed: {words} (is `make up` running?)"
        )
