"""A copy of the Terraform tree in which Terraform may run: its state is a local file, its provider needs no account.

The workers of one run share it. What takes seconds is done once: a root module is initialised, a place is planned.
"""

import fcntl
import hashlib
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
LOCK: Final = ".terraform.lock.hcl"
"""Which provider, exactly: kept with every stack."""

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
        """Fetch a root module's provider, once, and one at a time: the cache of providers is shared."""
        ready = self._data(folder) / "ready"
        with alone(self.folder / "init.lock"):
            if not ready.exists():
                self.run(folder, "init")
                ready.touch()

    def plan(self, place: Place, changes: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Plan a stack from nothing, its upstreams being fixtures, and return the plan as JSON.

        `changes` are laid over the environment's values.
        """
        key = hashlib.sha256(json.dumps(changes or {}, sort_keys=True).encode()).hexdigest()[:8]
        work = self.folder / "plans" / place.environment / place.region / f"{place.stack}-{key}"
        work.mkdir(parents=True, exist_ok=True)
        with alone(work / "lock"):
            planned = work / "plan.json"
            if not planned.exists():
                planned.write_text(self._planned(place, changes or {}, work))
            plan: dict[str, Any] = json.loads(planned.read_text())
        return plan

    def _planned(self, place: Place, changes: Mapping[str, Any], work: Path) -> str:
        folder = self.layout.folder_of(place.stack)
        self.initialise(folder)
        values = work / "values.tfvars.json"
        values.write_text(json.dumps({**self.values(place), **changes}))
        self.run(
            folder,
            "plan",
            "-refresh=false",
            "-lock=false",
            f"-state={work / 'none.tfstate'}",
            f"-out={work / 'plan'}",
            *(f"-var-file={file}" for file in (*self.value_files(place), values)),
        )
        return self.run(folder, "show", "-json", str(work / "plan"))

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
        """Modules have no state and call no module, so what one's initialisation fetched serves all of them."""
        own = folder.relative_to(self.folder / _COPIED)
        return self.folder / "data" / (own.parent if own.parent.name == "modules" else own)


@contextmanager
def alone(file: Path) -> Iterator[None]:
    """Keep other processes that name the same file waiting."""
    with file.open("w") as lock:
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


def shared_sandbox(folder: Path, terraform: Terraform) -> Sandbox:
    """Return a copy whose states are local files; whoever comes first makes it."""
    sandbox = Sandbox(folder, terraform)
    folder.mkdir(parents=True, exist_ok=True)
    with alone(folder / "made.lock"):
        if not (folder / _COPIED).exists():
            make_tree(folder)
            _prepare(sandbox.layout)
    return sandbox


def _prepare(layout: Layout) -> None:
    """Keep states in files, and let modules be tested with the provider that the stacks pin."""
    stacks = [layout.folder_of(stack) for stack in layout.stacks()]
    for stack in stacks:
        (stack / "backend_override.tf").write_text(_LOCAL_STATE)
    for module in layout.modules():
        shutil.copyfile(stacks[0] / LOCK, module / LOCK)
