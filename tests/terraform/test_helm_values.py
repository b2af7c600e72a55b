"""What Terraform's outputs say is what the charts render with, in every environment and region."""

import json
from pathlib import Path

import pytest
import yaml

from deploy.terraform.helm_values import VALUES, endpoint_of, service_values, write
from deploy.terraform.layout import ENVIRONMENTS, Layout, Place
from tests.deploy.charts import Installation, render_service, values_of

LAYOUT = Layout()
PLACES = [
    Place(environment, region, "network")
    for environment in ENVIRONMENTS
    for region in LAYOUT.regions_of(environment)
]
NETWORKS = {"us-east-1": "10.0", "eu-west-1": "10.1", "ap-south-1": "10.2"}


def example(stack: str, region: str) -> str:
    file = LAYOUT.terraform / "tests" / "fixtures" / f"{stack}.json"
    return file.read_text().replace("10.0.", f"{NETWORKS[region]}.").replace("us-east-1", region)


def generated(place: Place, folder: Path) -> Path:
    (folder / "env").mkdir()
    network, data = (json.loads(example(stack, place.region)) for stack in ("network", "data"))
    return write(service_values(place, endpoint_of(LAYOUT, place), network, data), place, folder)


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_the_outputs_say_what_the_checked_in_addresses_say(place: Place, tmp_path: Path) -> None:
    written = yaml.safe_load(generated(place, tmp_path).read_text())
    checked_in = VALUES / "env" / f"{place.environment}-{place.region}.yaml"
    assert written == values_of([checked_in])


def test_the_chart_renders_with_what_terraform_made(tmp_path: Path) -> None:
    place = Place("prod", "eu-west-1", "network")
    written = yaml.safe_load(generated(place, tmp_path).read_text())
    written["image"]["registry"] = "999988887777.dkr.ecr.eu-west-1.amazonaws.com"
    rendered = render_service(Installation("order", "prod", "eu-west-1"), written)
    assert "999988887777.dkr.ecr.eu-west-1.amazonaws.com/meridian/order" in json.dumps(rendered)
