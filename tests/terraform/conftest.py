"""Terraform and a sandbox per worker process; without Terraform every test here says so once and is skipped."""

import os
import shutil
from pathlib import Path

import pytest

from deploy.terraform.program import MISSING, Terraform, find_terraform
from tests.terraform.sandbox import Sandbox, make_sandbox

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what runs the program; what only reads files is part of `make test`."""
    for item in items:
        if HERE in item.path.parents and {"sandbox", "terraform"} & set(
            getattr(item, "fixturenames", ())
        ):
            item.add_marker("terraform")


@pytest.fixture(scope="session")
def terraform(tmp_path_factory: pytest.TempPathFactory) -> Terraform:
    """The program; CI must have it, a developer may do without."""
    if shutil.which("terraform") is None:
        if os.environ.get("CI"):  # noqa: TID251 - the convention of every CI system
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    return find_terraform(tmp_path_factory.getbasetemp().parent / "terraform")


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory, terraform: Terraform) -> Sandbox:
    """A copy of the tree that this process may initialise and plan."""
    return make_sandbox(tmp_path_factory.mktemp("terraform") / "meridian", terraform)
