"""Reads the compose files as Compose would on a machine where nothing is set."""

import re
from collections.abc import Mapping
from typing import Any, Final

import yaml

from libs.topology import SERVICES
from tests.architecture.applications import ROOT

_VARIABLE: Final = re.compile(r"\$\{([A-Z_]+)(?::?([-+])([^}]*))?\}")

Service = dict[str, Any]


def interpolated(text: str, **given: str) -> str:
    """Replace `${NAME:-default}` and `${NAME:+instead}`.

    Raises:
        ValueError: a variable has neither a value nor a default, so that somebody must set it first.
    """

    def replace(match: re.Match[str]) -> str:
        name, operator, word = match.groups()
        if operator is None and name not in given:
            raise ValueError(f"{name} has no default")
        if operator == "+":
            return word if given.get(name) else ""
        return given.get(name) or word or ""

    return _VARIABLE.sub(replace, text)


def compose(name: str = "docker-compose.yml", **given: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((ROOT / name).read_text())
    return {key: _interpolated_below(value, given) for key, value in document.items()}


def _interpolated_below(value: Any, given: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return interpolated(value, **given)
    if isinstance(value, list):
        return [_interpolated_below(one, given) for one in value]
    if isinstance(value, dict):
        return {key: _interpolated_below(one, given) for key, one in value.items()}
    return value


def services(name: str = "docker-compose.yml", **given: str) -> dict[str, Service]:
    found: dict[str, Service] = compose(name, **given)["services"]
    return found


def environment_of(service: Service) -> dict[str, str]:
    return {name: str(value) for name, value in service.get("environment", {}).items()}


BASE = services()
PROCESSES = [name for service in SERVICES for name in (service, f"{service}-worker")]
JOBS = ("keys", "migrate", "declare", "sender", "seed", "administrator", "application")
OURS = (*PROCESSES, "simulator", "ministack", *JOBS)


def owner_of(process: str) -> str:
    return process.removesuffix("-worker")
