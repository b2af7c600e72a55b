"""A copy of the Terraform tree in which Terraform may run: its state is a local file, its provider needs no account."""

import fcntl
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from deploy.terraform.layout import MASTER_ONLY, Layout, Place
from deploy.terraform.program import Terraform
from libs.topology import MASTER_REGION
from tests.architecture.applications import ROOT

CLOSED_PORT: Final = "http://127.0.0.1:9"
"""Where no AWS answers: a plan that asks anything fails."""

SECONDS: Final = 300
_COPIED: Final = Path("deploy") / "terraform"
_READ_BY_MODULES: Final = ("libs", "deploy/gateway", "deploy/helm", "simulator")
_LOCAL_STATE: Final = 'terraform {\n  backend "local" {}\n}\n'


@dataclass(frozen=True)
class Sandbox:
    """The copy, and Terraform to run in it."""

    folder: Path
    terraform: Terraform

    @property
    def layout(self) -> Layout:
        """The tree in the copy, laid out like the real one."""
        tree = self.folder / _COPIED
        return Layout(tree, tree / "environments", self.folder / "work")

    def run(self, folder: Path, *arguments: str, allowed: Sequence[int] = (0,)) -> str:
        """Run a command in a root module of the copy and return what it said."""
        data = self._data(folder)
        done = self.terraform.run(
            folder, *arguments, data=data, quiet=True, seconds=SECONDS, allowed=allowed
        )
        return done.stdout

    def initialise(self, folder: Path) -> None:
        """Fetch a root module's provider, one at a time: the cache of providers is shared."""
        if (self._data(folder) / "ready").exists():
            return
        with self._alone():
            self.run(folder, "init")
            (self._data(folder) / "ready").touch()

    def plan(self, place: Place, changes: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Plan a stack from nothing, its upstreams being fixtures, and return the plan as JSON.

        `changes` are laid over the environment's values.
        """
        folder = self.layout.folder_of(place.stack)
        self.initialise(folder)
        work = self.folder / "plans" / place.environment / place.region / place.stack
        work.mkdir(parents=True, exist_ok=True)
        values = work / "values.tfvars.json"
        values.write_text(json.dumps({**self.values(place), **(changes or {})}))
        self.run(
            folder,
            "plan",
            "-refresh=false",
            "-lock=false",
            f"-state={work / 'none.tfstate'}",
            f"-out={work / 'plan'}",
            *(f"-var-file={file}" for file in (*self.value_files(place), values)),
        )
        shown: dict[str, Any] = json.loads(self.run(folder, "show", "-json", str(work / "plan")))
        return shown

    def value_files(self, place: Place) -> list[Path]:
        """List the files of values a stack gets in an environment, the later winning."""
        folder = self.layout.environments / place.environment
        own = folder / f"{place.stack}.tfvars"
        return [folder / "env.tfvars", *([own] if own.exists() else [])]

    def fixture(self, stack: str, region: str) -> Any:
        """Return what a stack's output looks like in a region, from its checked-in example."""
        file = self.layout.terraform / "tests" / "fixtures" / f"{stack}.json"
        return json.loads(file.read_text().replace(MASTER_REGION, region))

    def values(self, place: Place) -> Mapping[str, Any]:
        """Return what the driver would hand a stack: the place, and its upstreams' examples."""
        declared = {variable.name for variable in self.layout.variables_of(place.stack)}
        given = {
            "environment": place.environment,
            "region": place.region,
            "emulator_endpoint": CLOSED_PORT,
        }
        values: dict[str, Any] = {name: given[name] for name in given if name in declared}
        for upstream in self.layout.upstreams_of(place.stack):
            regions = self.layout.regions_of(place.environment)
            own = MASTER_REGION if upstream.stack in MASTER_ONLY else place.region
            values[upstream.variable] = (
                {region: self.fixture(upstream.stack, region) for region in regions}
                if upstream.every_region
                else self.fixture(upstream.stack, own)
            )
        return values

    def _data(self, folder: Path) -> Path:
        return self.folder / "data" / folder.relative_to(self.folder / _COPIED)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with (self.folder.parent / "init.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def make_tree(folder: Path) -> Path:
    """Copy what is under version control; modules read the repository's own routing file, by a link."""
    (folder / "deploy").mkdir(parents=True)
    for name in _READ_BY_MODULES:
        if (ROOT / name).exists():
            (folder / name).symlink_to(ROOT / name)
    ignored = shutil.ignore_patterns(".terraform", "__pycache__", "*.tfstate*")
    shutil.copytree(ROOT / _COPIED, folder / _COPIED, ignore=ignored)
    return folder / _COPIED


def make_sandbox(folder: Path, terraform: Terraform) -> Sandbox:
    """Return a copy whose states are local files."""
    make_tree(folder)
    sandbox = Sandbox(folder, terraform)
    for stack in sandbox.layout.stacks():
        override = sandbox.layout.folder_of(stack) / "backend_override.tf"
        override.write_text(_LOCAL_STATE)
    return sandbox
