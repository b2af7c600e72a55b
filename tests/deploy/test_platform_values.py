"""Which values the platform chart refuses, and what it says then."""

from typing import Any

import helm_python
import pytest

from tests.deploy.charts import PLATFORM_CHART, VALUES, render, values_of
from tests.deploy.platform import PLACES, Place

GROUPS = Place().values()["edge"]["targetGroups"]

REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"namspace": "meridian"}, "", "namspace"),
    ({"namespace": "shop"}, "/namespace", "meridian"),
    ({"environment": "production"}, "/environment", "one of"),
    ({"region": "eu-central-1"}, "/region", "one of"),
    ({"host": "https://api.example.com"}, "/host", "pattern"),
    ({"network": {"public": []}}, "/network/public", "minItems"),
    ({"network": {"data": ["0.0.0.0/0"]}}, "/network/data/0", "pattern"),
    ({"network": {"data": ["10.0.999.0/24"]}}, "/network/data/0", "pattern"),
    ({"identity": {"issuer": "http://api.example.com"}}, "/identity/issuer", "pattern"),
    ({"edge": {"shape": "nlb"}}, "/edge/shape", "one of"),
    ({"edge": {"api": "ingress"}}, "/edge/certificateArn", "pattern"),
    ({"edge": {"api": "gatewayApi"}}, "/edge/certificateArn", "pattern"),
    ({"edge": {"api": "nodePort"}}, "/edge/api", "one of"),
    ({"edge": {"targetGroups": {"http": ""}}}, "/edge/targetGroups/http", "pattern"),
    ({"edge": {"targetGroups": {"status": "m-stat"}}}, "/edge/targetGroups/status", "pattern"),
    ({"edge": {"targetGroups": {"http": GROUPS["status"]}}}, "/edge/targetGroups/http", "pattern"),
    (
        {"edge": {"targetGroups": {"status": GROUPS["http"]}}},
        "/edge/targetGroups/status",
        "pattern",
    ),
    ({"edge": {"targetGroups": {"htp": "m-http"}}}, "/edge/targetGroups", "htp"),
    ({"gateway": {"replicas": {"min": 1}}}, "/gateway/replicas/min", "minimum"),
    ({"gateway": {"image": {"digest": "sha256:1"}}}, "/gateway/image/digest", "pattern"),
    ({"gateway": {"resources": {"limits": {"memory": "lots"}}}}, "/limits/memory", "pattern"),
    ({"mesh": {"canary": {"order": 101}}}, "/mesh/canary/order", "maximum"),
    ({"mesh": {"canary": {"orders": 10}}}, "/mesh/canary", "orders"),
    ({"mesh": {"providerHosts": ["*"]}}, "/mesh/providerHosts/0", "pattern"),
    ({"mesh": {"traceSamplingPercent": "all"}}, "/mesh/traceSamplingPercent", "number"),
    ({"quota": {"cpu": 12}}, "/quota/cpu", "string"),
    ({"monitoring": {"runbooks": "docs/"}}, "/monitoring/runbooks", "pattern"),
]


@pytest.mark.parametrize(("change", "path", "reason"), REFUSED, ids=lambda value: str(value)[:40])
def test_a_wrong_value_is_refused_with_its_path_and_the_reason(
    change: dict[str, Any], path: str, reason: str
) -> None:
    with pytest.raises(helm_python.HelmValuesError) as refused:
        Place().rendered(change)
    assert path in str(refused.value)
    assert reason.lower() in str(refused.value).lower()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"gateway": {"image": {"tag": "latest"}}}, r"gateway\.image\.tag: .* name a version"),
        ({"collector": {"image": {"tag": "latest"}}}, r"collector\.image\.tag: .* name a version"),
        (
            {"databaseBootstrap": {"enabled": True, "image": {"tag": "latest"}}},
            r"databaseBootstrap\.image\.tag: .* name a version",
        ),
        ({"monitoring": {"runbooks": ""}}, r"monitoring\.runbooks: .* where your people read"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_only_people_can_decide_is_asked_for_in_a_sentence(
    change: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(helm_python.HelmRenderError, match=sentence):
        Place().rendered(change)


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_no_value_file_answers_what_people_are_asked_for(place: Place) -> None:
    names = (f"{place.environment}.yaml", f"{place}.yaml")
    shipped = values_of(VALUES / "platform" / name for name in names)
    with pytest.raises(helm_python.HelmRenderError, match=r"monitoring\.runbooks: every alert"):
        render(PLATFORM_CHART, shipped, name="platform", namespace="meridian-platform")


def test_without_rules_nobody_asks_where_the_runbooks_are() -> None:
    assert Place().rendered({"monitoring": {"rules": False, "runbooks": ""}})


def test_more_gateways_at_least_than_at_most_are_refused() -> None:
    with pytest.raises(
        helm_python.HelmRenderError, match=r"gateway\.replicas: min 5 is more than max 2"
    ):
        Place().rendered({"gateway": {"replicas": {"min": 5, "max": 2}}})
