"""Plans, applies and destroys one stack of one region: `make tf env=prod region=us-east-1 stack=network do=plan`.

A stack takes other stacks' outputs as typed variables. The driver reads them from those stacks' states and hands them
over in a file, so no stack reads another's state, and a fixture can stand in for any of them.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from deploy.terraform.layout import ENVIRONMENTS, MASTER_ONLY, Layout, Place, Upstream, place_of
from deploy.terraform.program import Terraform, find_terraform
from deploy.terraform.refusal import Refusal
from libs.topology import MASTER_REGION

EXIT_REFUSED: Final = 2
VERBS: Final = ("plan", "apply", "destroy", "output")
SECRET: Final = "secret"  # noqa: S105 - the name of an output
"""A stack's other output: what it hands on with the first and nobody is shown."""
HIDDEN: Final = "(a secret)"


@dataclass(frozen=True)
class Driver:
    """Runs Terraform on the states of one layout."""

    layout: Layout
    terraform: Terraform
    _initialised: set[Place] = field(default_factory=set)

    def plan(self, place: Place, *options: str) -> None:
        """Show what an apply would change.

        Raises:
            Refusal: an upstream is missing, or Terraform failed.
        """
        self._change("plan", place, *options)

    def apply(self, place: Place, *options: str) -> None:
        """Make the cloud equal to the code; Terraform asks before it changes anything.

        Raises:
            Refusal: an upstream is missing, or Terraform failed.
        """
        self._change("apply", place, *options)

    def destroy(self, place: Place, *options: str) -> None:
        """Remove a stack that nothing else stands on; Terraform asks before it does.

        Raises:
            Refusal: another stack still uses it, or Terraform failed.
        """
        users = [user for user in self._users_of(place) if self.output(user) is not None]
        if users:
            raise Refusal(f"{users[0]} still uses {place}: destroy that first.")
        self._change("destroy", place, *options)

    def output(self, place: Place) -> dict[str, Any] | None:
        """Return what a stack says, its secrets among it, or None where it has not been applied."""
        said, secrets = self._said(place)
        return None if said is None else {**said, **secrets}

    def shown(self, place: Place) -> dict[str, Any] | None:
        """Return what a stack says, as people may see it: secrets by their names alone."""
        said, secrets = self._said(place)
        return None if said is None else {**said, **dict.fromkeys(secrets, HIDDEN)}

    def _said(self, place: Place) -> tuple[dict[str, Any] | None, dict[str, Any]]:
        """Return a stack's output, None where it has not been applied, and apart from it what is secret."""
        self._initialise(place)
        done = self.terraform.run(
            self.layout.folder_of(place.stack),
            "output",
            "-json",
            data=self._data(place),
            quiet=True,
        )
        outputs: dict[str, dict[str, Any]] = json.loads(done.stdout)
        said, secrets = (outputs.get(name, {}).get("value") for name in (place.stack, SECRET))
        return said, secrets or {}

    def variables(self, place: Place) -> dict[str, Any]:
        """Collect what a stack wants besides its environment's values.

        Raises:
            Refusal: a stack it stands on has not been applied.
        """
        declared = {variable.name for variable in self.layout.variables_of(place.stack)}
        given = {"environment": place.environment, "region": place.region}
        values: dict[str, Any] = {name: value for name, value in given.items() if name in declared}
        for upstream in self.layout.upstreams_of(place.stack):
            found = (
                self._every_region(place, upstream)
                if upstream.every_region
                else self._one(place, upstream)
            )
            if found is not None:
                values[upstream.variable] = found
        return values

    def _one(self, place: Place, upstream: Upstream) -> Any | None:
        wanted = place_of(
            self.layout, place.environment, self._region_of(place, upstream.stack), upstream.stack
        )
        found = self.output(wanted)
        if found is None and upstream.required:
            raise Refusal(
                f"{place} stands on {wanted}, which was not applied: run `{wanted.apply_command}` first."
            )
        return found

    def _every_region(self, place: Place, upstream: Upstream) -> dict[str, Any]:
        places = (
            Place(place.environment, region, upstream.stack)
            for region in self.layout.regions_of(place.environment)
        )
        outputs = {one.region: self.output(one) for one in places}
        found = {region: value for region, value in outputs.items() if value is not None}
        if not found and upstream.required:
            first = Place(place.environment, MASTER_REGION, upstream.stack)
            raise Refusal(
                f"{place} stands on {first}, which was not applied: run `{first.apply_command}` first."
            )
        return found

    def _users_of(self, place: Place) -> list[Place]:
        users = []
        for stack in reversed(self.layout.stacks()):
            for upstream in self.layout.upstreams_of(stack):
                if (
                    upstream.stack == place.stack
                    and upstream.required
                    and not upstream.every_region
                ):
                    users += self._places_using(place, stack)
        return users

    def _places_using(self, place: Place, stack: str) -> list[Place]:
        if stack in MASTER_ONLY:
            regions = [MASTER_REGION]
        elif place.stack in MASTER_ONLY:
            regions = self.layout.regions_of(place.environment)
        else:
            regions = [place.region]
        return [Place(place.environment, region, stack) for region in regions]

    @staticmethod
    def _region_of(place: Place, stack: str) -> str:
        return MASTER_REGION if stack in MASTER_ONLY else place.region

    def changes(self, place: Place) -> dict[str, Any]:
        """Return what an apply would change, as Terraform's JSON of a plan.

        Raises:
            Refusal: an upstream is missing, or Terraform failed.
        """
        plan = self._work(place) / "plan"
        self._change("plan", place, f"-out={plan}", quiet=True)
        return self._plan_as_json(place, plan)

    def save(self, place: Place, plan: Path) -> dict[str, Any]:
        """Show what an apply would change, keep it in a file, and return it as Terraform's JSON of a plan.

        The file holds what the stack was told, secrets among it: keep it where states are kept, or as safely.

        Raises:
            Refusal: an upstream is missing, or Terraform failed.
        """
        self._change("plan", place, f"-out={plan}")
        return self._plan_as_json(place, plan)

    def apply_saved(self, place: Place, plan: Path) -> None:
        """Make exactly the changes of a saved plan.

        Raises:
            Refusal: the state changed since it was made, or Terraform failed.
        """
        self._initialise(place)
        self.terraform.run(
            self.layout.folder_of(place.stack), "apply", str(plan), data=self._data(place)
        )

    def _plan_as_json(self, place: Place, plan: Path) -> dict[str, Any]:
        done = self.terraform.run(
            self.layout.folder_of(place.stack),
            "show",
            "-json",
            str(plan),
            data=self._data(place),
            quiet=True,
        )
        shown: dict[str, Any] = json.loads(done.stdout)
        return shown

    def _change(self, verb: str, place: Place, *options: str, quiet: bool = False) -> None:
        values = self.variables(place)
        file = self._work(place) / "upstream.tfvars.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values, indent=2, sort_keys=True), encoding="utf-8")
        self._initialise(place)
        files = [*self._value_files(place), file]
        self.terraform.run(
            self.layout.folder_of(place.stack),
            verb,
            *(f"-var-file={one}" for one in files),
            *options,
            data=self._data(place),
            quiet=quiet,
        )

    def _value_files(self, place: Place) -> list[Path]:
        folder = self.layout.environments / place.environment
        own = folder / f"{place.stack}.tfvars"
        return [folder / "env.tfvars", *([own] if own.exists() else [])]

    def _initialise(self, place: Place) -> None:
        if place in self._initialised:
            return
        backend = self.layout.environments / place.environment / "backend.hcl"
        self.terraform.run(
            self.layout.folder_of(place.stack),
            "init",
            "-reconfigure",
            f"-backend-config={backend}",
            f"-backend-config=key={place.state_key}",
            data=self._data(place),
            quiet=True,
        )
        self._initialised.add(place)

    def _work(self, place: Place) -> Path:
        return self.layout.work / place.environment / place.region / place.stack

    def _data(self, place: Place) -> Path:
        return self._work(place) / "data"


def main(arguments: Sequence[str]) -> int:
    """Run one verb on one stack and return the process's exit status."""
    parser = argparse.ArgumentParser(prog="make tf", description=__doc__)
    parser.add_argument("--env", default="", help=", ".join(ENVIRONMENTS))
    parser.add_argument("--region", default="", help="such as us-east-1; global stacks need none")
    parser.add_argument("--stack", default="", help="network, data, messaging, platform, edge ...")
    parser.add_argument("--do", default="plan", help=", ".join(VERBS))
    parser.add_argument("--yes", action="store_true", help="apply or destroy without asking")
    options = parser.parse_args(arguments)
    layout = Layout()
    try:
        _check_verb(options.do)
        place = place_of(layout, options.env, options.region, options.stack)
        driver = Driver(layout, find_terraform(layout.work, {"TF_INPUT": "1"}))
        _run(driver, place, options.do, yes=options.yes)
    except Refusal as refusal:
        sys.stderr.write(f"{refusal}\n")
        return EXIT_REFUSED
    return 0


def _check_verb(verb: str) -> None:
    if verb not in VERBS:
        raise Refusal(f"There is no verb {verb!r}: say do= one of {', '.join(VERBS)}.")


def _run(driver: Driver, place: Place, verb: str, *, yes: bool) -> None:
    sure = ("-auto-approve",) if yes else ()
    if verb == "plan":
        driver.plan(place)
    elif verb == "apply":
        driver.apply(place, *sure)
    elif verb == "destroy":
        driver.destroy(place, *sure)
    else:
        print(json.dumps(driver.shown(place), indent=2))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
