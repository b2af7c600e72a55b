"""A tree whose stacks an emulator of AWS can build, with its states in the emulator's own bucket."""

import shutil
from pathlib import Path
from typing import Final

import httpx

from deploy.terraform.drive import Driver
from deploy.terraform.layout import Layout
from deploy.terraform.program import Terraform
from tests.terraform.sandbox import make_tree

STATES: Final = "meridian-test-terraform-state"
ENVIRONMENT: Final = "prod"
REGION: Final = "us-east-1"
STACKS: Final = ("data", "messaging", "platform")
"""In the order they are applied; data and platform are the stand-ins of deploy/terraform/tests/emulated."""


def emulated_driver(folder: Path, terraform: Terraform, endpoint: str) -> Driver:
    """Return the project's own driver on a copy of the tree, its account being an emulator."""
    tree = make_tree(folder)
    for stand_in in (tree / "tests" / "emulated").iterdir():
        stack = tree / "stacks" / "region" / stand_in.name
        shutil.rmtree(stack, ignore_errors=True)
        shutil.copytree(stand_in, stack)
    values = tree / "environments" / ENVIRONMENT
    with (values / "env.tfvars").open("a") as common:
        common.write(f'emulator_endpoint = "{endpoint}"\n')
    (values / "data.tfvars").unlink(missing_ok=True)
    (values / "platform.tfvars").unlink(missing_ok=True)
    (values / "backend.hcl").write_text(backend(endpoint, STATES))
    httpx.put(f"{endpoint}/{STATES}").raise_for_status()
    return Driver(Layout(tree, tree / "environments", folder / "work"), terraform)


def backend(endpoint: str, bucket: str) -> str:
    """Return the backend's settings for states that an emulator keeps."""
    return f"""
bucket                      = "{bucket}"
region                      = "{REGION}"
use_lockfile                = true
use_path_style              = true
access_key                  = "test"
secret_key                  = "test"
skip_credentials_validation = true
skip_metadata_api_check     = true
skip_requesting_account_id  = true
endpoints                   = {{ s3 = "{endpoint}" }}
"""
