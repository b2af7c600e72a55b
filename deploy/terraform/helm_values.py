"""Writes what Terraform made into the charts' values: `make tf-values env=prod region=us-east-1`.

The files lie beside the region's own (`prod-us-east-1.generated.yaml`), are laid over them by `make deploy`, and are not
committed: they are what the account says today.
"""

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from deploy.terraform.drive import EXIT_REFUSED, Driver
from deploy.terraform.layout import ROOT, Layout, Place, place_of
from deploy.terraform.program import find_terraform
from deploy.terraform.refusal import Refusal

VALUES: Final = ROOT / "deploy" / "helm" / "values"
_ENDPOINT: Final = r'"?{region}"?\s*=\s*\{{[^}}]*?endpoint\s*=\s*"([^"]+)"'
_WRITTEN: Final = "# Written by `make tf-values` from Terraform's outputs; not committed.\n"


def endpoint_of(layout: Layout, place: Place) -> str:
    """Return a region's public address, from the environment's values."""
    text = (layout.environments / place.environment / "env.tfvars").read_text(encoding="utf-8")
    found = re.search(_ENDPOINT.format(region=re.escape(place.region)), text, re.DOTALL)
    if found is None:
        raise Refusal(
            f"{place.region} has no endpoint in environments/{place.environment}/env.tfvars."
        )
    return found[1]


def service_values(
    place: Place, endpoint: str, network: Mapping[str, Any], data: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the values every service of a region gets (deploy/helm/values/env)."""
    account = str(data["kms_key_arns"]["messaging"]).split(":")[4]
    return {
        "region": place.region,
        "domain": endpoint,
        "image": {"registry": f"{account}.dkr.ecr.{place.region}.amazonaws.com"},
        "aws": {
            "account": account,
            "rolePrefix": f"meridian-{place.environment}-{place.region}",
        },
        "network": {
            "loadBalancerSubnets": list(network["subnet_cidrs"]["public"]),
            "appSubnets": list(network["subnet_cidrs"]["app"]),
            "dataSubnets": list(network["subnet_cidrs"]["data"]),
        },
    }


def write(values: Mapping[str, Any], place: Place, folder: Path = VALUES) -> Path:
    """Write a region's generated file and return where it lies."""
    file = folder / "env" / f"{place.environment}-{place.region}.generated.yaml"
    text = yaml.safe_dump(dict(values), sort_keys=False, width=120)
    file.write_text(_WRITTEN + text, encoding="utf-8")
    return file


def main(arguments: Sequence[str]) -> int:
    """Write one region's values and return the process's exit status."""
    parser = argparse.ArgumentParser(prog="make tf-values", description=__doc__)
    parser.add_argument("--env", default="")
    parser.add_argument("--region", default="")
    options = parser.parse_args(arguments)
    layout = Layout()
    try:
        place = place_of(layout, options.env, options.region, "network")
        driver = Driver(layout, find_terraform(layout.work))
        made = {stack: _made(driver, place, stack) for stack in ("network", "data")}
        values = service_values(place, endpoint_of(layout, place), made["network"], made["data"])
        print(f"wrote {write(values, place).relative_to(ROOT)}")
    except Refusal as refusal:
        sys.stderr.write(f"{refusal}\n")
        return EXIT_REFUSED
    return 0


def _made(driver: Driver, place: Place, stack: str) -> Any:
    one = Place(place.environment, place.region, stack)
    output = driver.output(one)
    if output is None:
        raise Refusal(f"{one} was not applied: run `{one.apply_command}` first.")
    return output


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
