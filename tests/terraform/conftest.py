"""Terraform and a sandbox for all workers; without Terraform every test here says so once and is skipped."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]  # published without types

from deploy.terraform.program import MISSING, Terraform, find_terraform
from tests.terraform.sandbox import Sandbox, shared_sandbox

HERE = Path(__file__).parent
EMULATOR = "test_emulator.py"
TOGETHER = (EMULATOR, "test_cache_access.py", "test_messaging.py")
"""Files whose tests share what takes long to make."""


SELDOM = {"GOGC": "400"}
"""Terraform and its provider live for seconds: with more memory before each collection they take a quarter less time."""


class Scheduling(LoadScopeScheduling):  # type: ignore[misc]  # its base has no types
    """Tests that share something go to one worker; xdist's own groups do nothing under pytest 9.2."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return file if file.endswith(TOGETHER) else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling:
    """Distribute tests so that nothing is built twice."""
    return Scheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what runs the program, what only reads files is part of `make test`; what waits longest comes first."""
    items.sort(key=lambda item: item.path != HERE / EMULATOR)
    for item in items:
        if HERE in item.path.parents and {"sandbox", "terraform"} & set(
            getattr(item, "fixturenames", ())
        ):
            item.add_marker("terraform")


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A folder that the workers of this run share, and no other run does."""
    own = tmp_path_factory.getbasetemp()
    return own if worker_id == "master" else own.parent


@pytest.fixture(scope="session")
def terraform(shared_folder: Path) -> Terraform:
    """The program; CI must have it, a developer may do without."""
    if shutil.which("terraform") is None:
        if os.environ.get("CI"):  # noqa: TID251 - the convention of every CI system
            pytest.fail(MISSING, pytrace=False)
        pytest.skip(MISSING)
    return find_terraform(shared_folder / "terraform", SELDOM)


@pytest.fixture(scope="session")
def sandbox(shared_folder: Path, terraform: Terraform) -> Sandbox:
    """A copy of the tree that may be initialised and planned."""
    return shared_sandbox(shared_folder / "meridian", terraform)
