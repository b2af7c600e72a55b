"""Plans all stacks of a region into files, and applies those files and nothing else.

`make tf-region env=prod region=us-east-1 do=plan plans=FOLDER`, then the same with `do=apply`. In between somebody reads. A
stack is planned on what the stacks below it say now. Where one of those is about to say something else, the stack waits:
its plan would be of a region that is not there yet. It is planned when the others were applied.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from deploy.terraform.drive import EXIT_REFUSED, Driver
from deploy.terraform.layout import REGIONAL, Layout, Place, place_of
from deploy.terraform.program import find_terraform
from deploy.terraform.refusal import Refusal

LIST: Final = "plans.json"
VERBS: Final = ("plan", "apply")


@dataclass(frozen=True)
class Plans:
    """What lies in a folder of plans: stacks with a plan, in the order to apply them, and stacks that wait for those."""

    environment: str
    region: str
    stacks: list[str]
    waiting: list[str]

    def write(self, folder: Path) -> None:
        """Keep the list beside the plans."""
        (folder / LIST).write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> "Plans":
        """Return the list of a folder.

        Raises:
            Refusal: nothing was planned there.
        """
        try:
            return cls(**json.loads((folder / LIST).read_text(encoding="utf-8")))
        except FileNotFoundError:
            raise Refusal(
                f"{folder} holds no plans: run make tf-region with do=plan first."
            ) from None


def plan_region(driver: Driver, environment: str, region: str, folder: Path) -> Plans:
    """Save what an apply of each stack would change, and show it; a stack that stays as it is has no file.

    Raises:
        Refusal: a stack below was never applied, or Terraform failed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stacks: list[str] = []
    waiting: list[str] = []
    unsettled: set[str] = set()
    for stack in (one for one in REGIONAL if one in driver.layout.stacks()):
        below = {upstream.stack for upstream in driver.layout.upstreams_of(stack)}
        if below & unsettled:
            waiting.append(stack)
            unsettled.add(stack)
            continue
        shown = driver.save(Place(environment, region, stack), folder / stack)
        if changes_anything(shown):
            stacks.append(stack)
        else:
            (folder / stack).unlink()
        if says_something_else(shown):
            unsettled.add(stack)
    plans = Plans(environment, region, stacks, waiting)
    plans.write(folder)
    return plans


def apply_region(driver: Driver, environment: str, region: str, folder: Path) -> None:
    """Apply saved plans, each as it was read; Terraform refuses one whose state has changed since.

    Raises:
        Refusal: the plans are another region's, Terraform failed, or stacks wait to be planned on what is there now.
    """
    plans = Plans.read(folder)
    if (plans.environment, plans.region) != (environment, region):
        raise Refusal(
            f"{folder} holds plans of {plans.environment} in {plans.region}: name the folder of {environment} in {region}."
        )
    for stack in plans.stacks:
        driver.apply_saved(Place(environment, region, stack), folder / stack)
    if plans.waiting:
        raise Refusal(
            f"What was approved is applied. {', '.join(plans.waiting)} stand on what has changed: "
            "plan again and have that read (in the pipeline: retry all actions of the stage)."
        )


def changes_anything(plan: Mapping[str, Any]) -> bool:
    """Tell whether a plan, as Terraform's JSON, changes a resource or an output."""
    changes = [*plan.get("resource_changes", ()), *_outputs(plan).values()]
    return any(_actions(one) not in (["no-op"], ["read"]) for one in changes)


def says_something_else(plan: Mapping[str, Any]) -> bool:
    """Tell whether what the stack says will be another, or is known only after an apply."""
    return any(_actions(one) != ["no-op"] for one in _outputs(plan).values())


def _outputs(plan: Mapping[str, Any]) -> Mapping[str, Any]:
    outputs: Mapping[str, Any] = plan.get("output_changes", {})
    return outputs


def _actions(one: Mapping[str, Any]) -> Sequence[str]:
    actions: Sequence[str] = one.get("change", one)["actions"]
    return actions


def main(arguments: Sequence[str]) -> int:
    """Plan or apply one region and return the process's exit status."""
    parser = argparse.ArgumentParser(prog="make tf-region", description=__doc__)
    parser.add_argument("--env", default="")
    parser.add_argument("--region", default="")
    parser.add_argument("--do", default="plan", help=", ".join(VERBS))
    parser.add_argument("--plans", default="", help="the folder of the plans")
    options = parser.parse_args(arguments)
    layout = Layout()
    try:
        _check(options.do, options.plans)
        place_of(layout, options.env, options.region, REGIONAL[0])
        driver = Driver(layout, find_terraform(layout.work))
        folder = Path(options.plans).resolve()
        if options.do == "plan":
            print(_told(plan_region(driver, options.env, options.region, folder)))
        else:
            apply_region(driver, options.env, options.region, folder)
    except Refusal as refusal:
        sys.stderr.write(f"{refusal}\n")
        return EXIT_REFUSED
    return 0


def _check(verb: str, plans: str) -> None:
    if verb not in VERBS:
        raise Refusal(f"There is no verb {verb!r}: say do= one of {', '.join(VERBS)}.")
    if not plans:
        raise Refusal("Say where the plans are kept: plans=FOLDER, outside the repository.")


def _told(plans: Plans) -> str:
    planned = ", ".join(plans.stacks) or "nothing"
    later = f"; {', '.join(plans.waiting)} after that, on what it makes" if plans.waiting else ""
    return f"To apply in {plans.region}: {planned}{later}."


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
