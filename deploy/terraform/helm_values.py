"""Writes what Terraform made into the charts' values: `make tf-values env=prod region=us-east-1`.

The files lie beside the region's own (`env/` and `platform/prod-us-east-1.generated.yaml`), are laid over them by
`make deploy`, and are not committed: they are what the account says today.
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
STACKS: Final = ("network", "data", "edge", "operations")
"""Whose outputs the charts need."""

_DOMAIN: Final = r'^domain\s*=\s*"([^"]+)"'
_ENDPOINT: Final = r'"?{region}"?\s*=\s*\{{[^}}]*?endpoint\s*=\s*"([^"]+)"'
_WRITTEN: Final = "# Written by `make tf-values` from Terraform's outputs; not committed.\n"


def endpoint_of(layout: Layout, place: Place) -> str:
    """Return a region's public address, from the environment's values."""
    pattern = _ENDPOINT.format(region=re.escape(place.region))
    return _told(layout, place, pattern, f"{place.region} has no endpoint")


def issuer_of(layout: Layout, place: Place) -> str:
    """Return who issues tokens: the environment's one public address, as the stack `edge` tells its authorizer."""
    return f"https://api.{_told(layout, place, _DOMAIN, 'There is no domain')}"


def service_values(layout: Layout, place: Place, made: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values every service of a region gets (deploy/helm/values/env), from the stacks' outputs by name."""
    account, network = _account_of(made), made["network"]
    return {
        "region": place.region,
        "issuer": issuer_of(layout, place),
        "domain": endpoint_of(layout, place),
        "image": {"registry": _registry(account, place)},
        "aws": {
            "account": account,
            "rolePrefix": f"meridian-{place.environment}-{place.region}",
            "flags": _flags(made["operations"]["feature_flags"]),
        },
        "network": {
            "loadBalancerSubnets": list(network["subnet_cidrs"]["public"]),
            "appSubnets": list(network["subnet_cidrs"]["app"]),
            "dataSubnets": list(network["subnet_cidrs"]["data"]),
        },
    }


def platform_values(layout: Layout, place: Place, made: Mapping[str, Any]) -> dict[str, Any]:
    """Return the platform chart's values (deploy/helm/values/platform): the load balancer is Terraform's, its pods are not."""
    cidrs, edge = made["network"]["subnet_cidrs"], made["edge"]
    registry = _registry(_account_of(made), place)
    return {
        "region": place.region,
        "host": endpoint_of(layout, place),
        "network": {
            tier: list(cidrs[of])
            for tier, of in (("public", "public"), ("apps", "app"), ("data", "data"))
        },
        "identity": {"issuer": issuer_of(layout, place)},
        "edge": {
            "shape": edge["shape"],
            "api": "targetGroupBinding",
            "targetGroups": {name: edge["target_group_arns"][name] for name in ("http", "status")},
        },
        "gateway": {"image": {"repository": f"{registry}/meridian/envoy"}},
        "databaseBootstrap": {"image": {"repository": f"{registry}/meridian/tools"}},
    }


def write(kind: str, values: Mapping[str, Any], place: Place, folder: Path = VALUES) -> Path:
    """Write a region's generated file of a kind (`env`, `platform`) and return where it lies."""
    file = folder / kind / f"{place.environment}-{place.region}.generated.yaml"
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
        made = {stack: _made(driver, place, stack) for stack in STACKS}
        for kind, values_of in (("env", service_values), ("platform", platform_values)):
            file = write(kind, values_of(layout, place, made), place)
            print(f"wrote {file.relative_to(ROOT)}")
    except Refusal as refusal:
        sys.stderr.write(f"{refusal}\n")
        return EXIT_REFUSED
    return 0


def _told(layout: Layout, place: Place, pattern: str, lacking: str) -> str:
    text = (layout.environments / place.environment / "env.tfvars").read_text(encoding="utf-8")
    found = re.search(pattern, text, re.DOTALL | re.MULTILINE)
    if found is None:
        raise Refusal(
            f"{lacking} in environments/{place.environment}/env.tfvars: add it, then try again."
        )
    return found[1]


def _account_of(made: Mapping[str, Any]) -> str:
    return str(made["data"]["kms_key_arns"]["messaging"]).split(":")[4]


def _flags(made: Mapping[str, str]) -> str:
    return "/".join(made[f"{part}_id"] for part in ("application", "environment", "profile"))


def _registry(account: str, place: Place) -> str:
    return f"{account}.dkr.ecr.{place.region}.amazonaws.com"


def _made(driver: Driver, place: Place, stack: str) -> Any:
    one = Place(place.environment, place.region, stack)
    output = driver.output(one)
    if output is None:
        raise Refusal(f"{one} was not applied: run `{one.apply_command}` first.")
    return output


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
