"""What Terraform's outputs say is what the charts render with, in every environment and region."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.terraform.helm_values import STACKS, VALUES, platform_values, service_values, write
from deploy.terraform.layout import ENVIRONMENTS, Layout, Place
from deploy.terraform.refusal import Refusal
from tests.deploy.charts import (
    ASKED,
    PLATFORM_CHART,
    Installation,
    Manifest,
    find,
    merge,
    of_kind,
    render,
    render_service,
    values_of,
)

LAYOUT = Layout()
PLACES = [
    Place(environment, region, "network")
    for environment in ENVIRONMENTS
    for region in LAYOUT.regions_of(environment)
]
NETWORKS = {"us-east-1": "10.0", "eu-west-1": "10.1", "ap-south-1": "10.2"}
ACCOUNTS = {"prod": "111122223333", "staging": "444455556666", "dev": "777788889999"}
KINDS = {"env": service_values, "platform": platform_values}


def outputs(place: Place) -> dict[str, Any]:
    """What the stacks of a region say: the checked-in examples, which plans of production are fed with as well."""
    folder = LAYOUT.terraform / "tests" / "fixtures"
    network = f"{NETWORKS[place.region]}."
    return {
        stack: json.loads(
            (folder / f"{stack}.json")
            .read_text()
            .replace("10.0.", network)
            .replace("us-east-1", place.region)
            .replace(ACCOUNTS["prod"], ACCOUNTS[place.environment])
        )
        for stack in STACKS
    }


def test_each_environment_has_an_account_of_its_own() -> None:
    """What goes wrong in one, a stolen key or a quota used up, ends at its account."""
    for environment, account in ACCOUNTS.items():
        values = (LAYOUT.environments / environment / "env.tfvars").read_text()
        assert f'account_id = "{account}"' in values
    assert len(set(ACCOUNTS.values())) == len(ENVIRONMENTS)


def files_of(kind: str, place: Place) -> list[Path]:
    names = (f"{place.environment}.yaml", f"{place.environment}-{place.region}.yaml")
    return [VALUES / kind / name for name in names]


def generated(kind: str, place: Place, made: dict[str, Any], folder: Path) -> Path:
    (folder / kind).mkdir()
    return write(kind, KINDS[kind](LAYOUT, place, made), place, folder)


def platform(place: Place, made: dict[str, Any], folder: Path) -> list[Manifest]:
    """The platform, rendered as `make deploy` does it: with the generated file on top."""
    values = values_of([*files_of("platform", place), generated("platform", place, made, folder)])
    return render(
        PLATFORM_CHART, merge(values, ASKED), name="platform", namespace="meridian-platform"
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", PLACES, ids=str)
def test_the_outputs_say_what_the_checked_in_values_say(
    kind: str, place: Place, tmp_path: Path
) -> None:
    written = yaml.safe_load(generated(kind, place, outputs(place), tmp_path).read_text())
    checked_in = values_of(files_of(kind, place))
    assert written.keys() >= values_of(files_of(kind, place)[1:]).keys()
    assert merge(checked_in, written) == checked_in


def test_a_service_renders_with_what_terraform_made(tmp_path: Path) -> None:
    place = Place("prod", "eu-west-1", "network")
    made = outputs(place)
    made["data"]["kms_key_arns"]["messaging"] = "arn:aws:kms:eu-west-1:999988887777:key/1"
    written = yaml.safe_load(generated("env", place, made, tmp_path).read_text())
    rendered = render_service(Installation("order", "prod", "eu-west-1"), written)
    assert "999988887777.dkr.ecr.eu-west-1.amazonaws.com/meridian/order" in json.dumps(rendered)


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_a_service_names_the_key_and_the_sender_that_terraform_lets_it_use(
    place: Place, tmp_path: Path
) -> None:
    """Nobody hands these on: the chart and Terraform make them of the same names."""
    written = yaml.safe_load(generated("env", place, outputs(place), tmp_path).read_text())
    rendered = render_service(Installation("user", place.environment, place.region), written)
    settings = find(rendered, "ConfigMap", "user-settings")["data"]
    domain = {"prod": "example.com"}.get(place.environment, f"{place.environment}.example.com")
    alias = f"alias/meridian-{place.environment}-personal"
    account = ACCOUNTS[place.environment]
    assert settings["MASTER_KEY"] == f"kms:arn:aws:kms:{place.region}:{account}:{alias}"
    assert settings["MAIL_FROM"] == f"shop@{domain}"
    assert settings["MAIL_CONFIGURATION_SET"] == f"meridian-{place.environment}"
    roles = (LAYOUT.terraform / "modules" / "service-identity" / "main.tf").read_text()
    keys = (LAYOUT.terraform / "modules" / "keys-and-secrets" / "main.tf").read_text()
    assert '"ses:FromAddress" = "shop@${var.mail.domain}"' in roles
    assert '"alias/${var.name}-${each.key}"' in keys
    named = '= "meridian-${var.environment}"'
    stacks = LAYOUT.terraform / "stacks" / "region"
    (made,) = re.findall(
        r'^module "mail" \{.*?^\}',
        (stacks / "edge" / "main.tf").read_text(),
        re.MULTILINE | re.DOTALL,
    )
    assert named in made
    assert f"configuration_set {named}" in (stacks / "platform" / "main.tf").read_text()


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_pods_go_into_the_target_groups_that_terraform_made(place: Place, tmp_path: Path) -> None:
    made = outputs(place)
    arn = f"arn:aws:elasticloadbalancing:{place.region}:999988887777:targetgroup"
    made["edge"]["target_group_arns"] = {
        "http": f"{arn}/m-http20270101/00000000000000aa",
        "status": f"{arn}/m-stat20270101/00000000000000bb",
    }
    bound = of_kind(platform(place, made, tmp_path), "TargetGroupBinding")
    assert {one["spec"]["serviceRef"]["port"]: one["spec"]["targetGroupARN"] for one in bound} == {
        8080: made["edge"]["target_group_arns"]["http"],
        8081: made["edge"]["target_group_arns"]["status"],
    }


def test_the_gateway_lets_in_the_subnets_in_which_terraform_put_the_load_balancer(
    tmp_path: Path,
) -> None:
    place = Place("prod", "us-east-1", "network")
    made = outputs(place)
    made["network"]["subnet_cidrs"]["public"] = ["10.0.101.0/24", "10.0.102.0/24", "10.0.103.0/24"]
    policy = find(platform(place, made, tmp_path), "NetworkPolicy", "gateway")["spec"]
    balancer = policy["ingress"][0]
    assert [one["ipBlock"]["cidr"] for one in balancer["from"]] == [
        "10.0.101.0/24",
        "10.0.102.0/24",
        "10.0.103.0/24",
    ]
    assert {one["port"] for one in balancer["ports"]} == {8080, 8081}


def test_the_edges_shape_is_terraforms(tmp_path: Path) -> None:
    place = Place("prod", "eu-west-1", "network")
    made = outputs(place)
    made["edge"]["shape"] = "apigateway"
    manifests = platform(place, made, tmp_path)
    assert {one["metadata"]["namespace"] for one in of_kind(manifests, "TargetGroupBinding")} == {
        "istio-ingress"
    }
    assert not [one for one in manifests if one["metadata"]["name"] == "gateway"]


@pytest.mark.parametrize("kind", KINDS)
def test_values_without_a_domain_are_refused_with_the_file_that_lacks_it(
    kind: str, tmp_path: Path
) -> None:
    (tmp_path / "prod").mkdir()
    (tmp_path / "prod" / "env.tfvars").write_text("regions = {}\n")
    place = Place("prod", "us-east-1", "network")
    layout = Layout(environments=tmp_path)
    with pytest.raises(Refusal, match=r"in environments/prod/env\.tfvars: add it"):
        KINDS[kind](layout, place, outputs(place))
