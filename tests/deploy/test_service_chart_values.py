"""Wrong values are refused before anything is sent to a cluster, with the path and the reason."""

import json
import re
from collections.abc import Iterator
from typing import Any, get_args

import helm_python
import pytest
from pydantic import SecretStr

from libs.testing.settings import settings_class_of
from libs.topology import SERVICES
from tests.deploy.charts import (
    INSTALLATIONS,
    SERVICE_CHART,
    VALUES,
    Installation,
    find,
    installed,
    render,
    render_service,
    values_of,
)

SCHEMA = json.loads((SERVICE_CHART / "values.schema.json").read_text())

REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"replicas": 3}, "", "additional properties 'replicas' not allowed"),
    ({"api": {"replica": 3}}, "/api", "additional properties 'replica' not allowed"),
    ({"api": {"replicas": {"min": 0}}}, "/api/replicas/min", "minimum: got 0, want 1"),
    ({"api": {"replicas": {"max": "6"}}}, "/api/replicas/max", "got string, want integer"),
    ({"api": {"nodeGroup": "gpu"}}, "/api/nodeGroup", "'general', 'compute', 'memory'"),
    ({"api": {"resources": {"limits": {"memory": "512"}}}}, "/api/resources/limits/memory", "does not match pattern"),
    ({"api": {"priorityClass": "important"}}, "/api/priorityClass", "'meridian-critical', 'meridian-standard'"),
    ({"worker": {"resources": {"requests": {"cpu": "1cpu"}}}}, "/worker/resources/requests/cpu", "does not match pattern"),
    ({"worker": {"queues": ["order-inbocks"]}}, "/worker/queues/0", "'auth-inbox', 'user-inbox', 'product-inbox'"),
    ({"worker": {"queues": ["meridian-order-inbox"]}}, "/worker/queues/0", "'order-inbox'"),
    ({"worker": {"keda": {"enabled": "yes"}}}, "/worker/keda/enabled", "got string, want boolean"),
    ({"service": "orders"}, "/service", "'auth', 'user', 'product', 'cart', 'order', 'payment'"),
    ({"environment": "local"}, "/environment", "'production', 'staging', 'test'"),
    ({"region": "us-east1"}, "/region", "'us-east-1', 'eu-west-1', 'ap-south-1'"),
    ({"domain": "https://api.example.com"}, "/domain", "does not match pattern"),
    ({"image": {"digest": "sha256:short"}}, "/image/digest", "does not match pattern"),
    ({"image": {"registry": "registry.example.com/"}}, "/image/registry", "does not match pattern"),
    ({"settings": {"log_level": "INFO"}}, "/settings", "additional properties 'log_level' not allowed"),
    ({"settings": {"DRAIN_SECONDS": 5}}, "/settings/DRAIN_SECONDS", "the chart derives this one"),
    ({"settings": {"DATABASE_URL": "postgresql://u:p@h/d"}}, "/settings/DATABASE_URL", "this one is a secret"),
    ({"settings": {"STRIPE_API_KEY": "sk_live"}}, "/settings/STRIPE_API_KEY", "this one is a secret"),
    ({"settings": {"HOLD_SECONDS": {"seconds": 5}}}, "/settings/HOLD_SECONDS", "got object, want boolean or number or string"),
    ({"secrets": {"settings": ["database-url"]}}, "/secrets/settings/0", "does not match pattern"),
    ({"secrets": {"prefix": "/meridian/prod"}}, "/secrets/prefix", "does not match pattern"),
    ({"secrets": {"refreshInterval": "often"}}, "/secrets/refreshInterval", "does not match pattern"),
    ({"shutdown": {"preStopSeconds": 0}}, "/shutdown/preStopSeconds", "minimum: got 0, want 1"),
    ({"shutdown": {"terminationGracePeriodSeconds": 30}}, "/shutdown", "not allowed"),
    ({"database": {"poolSize": 1000}}, "/database/poolSize", "maximum: got 1,000, want 100"),
    ({"spread": {"zones": "Maybe"}}, "/spread/zones", "'DoNotSchedule', 'ScheduleAnyway'"),
    ({"disruption": {"maxUnavailable": 0}}, "/disruption/maxUnavailable", "minimum: got 0, want 1"),
    ({"aws": {"account": 111122223333}}, "/aws/account", "want string"),
    ({"aws": {"identity": "user"}}, "/aws/identity", "'pod-identity', 'irsa'"),
    ({"network": {"callers": ["everybody"]}}, "/network/callers/0", "'gateway'"),
    ({"network": {"dataSubnets": ["0.0.0.0/0"]}}, "/network/dataSubnets/0", "does not match pattern"),
    ({"network": {"dataSubnets": ["10.0.999.0/24"]}}, "/network/dataSubnets/0", "does not match pattern"),
    ({"network": {"appSubnets": []}}, "/network/appSubnets", "minItems: got 0, want 1"),
    ({"monitoring": {"otlp": "collector:4318"}}, "/monitoring/otlp", "does not match pattern"),
    ({"migration": {"deadlineSeconds": 1}}, "/migration/deadlineSeconds", "minimum: got 1, want 30"),
    ({"exposure": {"alb": {"scheme": "public"}}}, "/exposure/alb/scheme", "'internal', 'internet-facing'"),
    ({"exposure": {"paths": [{"path": "v1/orders", "type": "Prefix"}]}}, "/exposure/paths/0/path", "does not match pattern"),
    ({"rollout": {"steps": [150]}}, "/rollout/steps/0", "maximum: got 150, want 99"),
]  # fmt: skip


def objects(schema: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every part of the schema that describes a map."""
    if isinstance(schema, dict):
        if schema.get("type") == "object":
            yield path, schema
        for key, value in schema.items():
            yield from objects(value, f"{path}/{key}")
    elif isinstance(schema, list):
        for number, value in enumerate(schema):
            yield from objects(value, f"{path}/{number}")


@pytest.mark.parametrize(("changes", "path", "reason"), REFUSED, ids=lambda v: str(v)[:60])
def test_a_wrong_value_is_refused_with_its_path_and_the_reason(
    changes: dict[str, Any], path: str, reason: str
) -> None:
    with pytest.raises(helm_python.HelmValuesError) as refused:
        render_service(Installation("order"), changes)
    message = str(refused.value)
    assert f"at '{path}'" in message
    assert reason in message


def test_the_tag_latest_is_refused_with_what_to_do() -> None:
    with pytest.raises(helm_python.HelmRenderError, match=r"image\.tag: latest .* name a version"):
        render_service(Installation("order"), {"image": {"tag": "latest"}})


def test_every_map_of_the_schema_is_closed() -> None:
    for path, schema in objects(SCHEMA):
        closed = schema.get("additionalProperties") is False or schema.get("maxProperties") == 0
        assert closed, f"{path} takes any key"


def settings_of(service: str) -> Iterator[tuple[str, bool]]:
    """Yield the name of every setting and whether it is a secret."""
    for name, field in settings_class_of(service).model_fields.items():
        kinds = {field.annotation, *get_args(field.annotation)}
        yield name.upper(), SecretStr in kinds


@pytest.mark.parametrize("service", SERVICES)
def test_every_secret_of_a_service_is_refused_among_its_plain_settings_and_nothing_else_is(
    service: str,
) -> None:
    patterns = SCHEMA["properties"]["settings"]["patternProperties"]
    derived = set(
        find(installed(Installation(service)), "ConfigMap", f"{service}-settings")["data"]
    )
    for name, secret in settings_of(service):
        reasons = [
            rule["const"] for p, rule in patterns.items() if re.search(p, name) and "const" in rule
        ]
        assert any("secret" in reason for reason in reasons) == secret, name
        if not secret and name != "ROLE":
            assert bool(reasons) <= (name in derived), name


def test_every_value_there_is_has_a_default_and_every_default_is_described() -> None:
    defaults = helm_python.values_from_yaml((SERVICE_CHART / "values.yaml").read_text())
    assert set(SCHEMA["properties"]) - {"global"} == set(defaults)
    assert set(SCHEMA["required"]) == set(defaults)


def test_values_fit_on_two_screens() -> None:
    assert (SERVICE_CHART / "values.yaml").read_text().count("\n") <= 120


def test_what_the_chart_starts_from_deploys_nothing_by_accident() -> None:
    with pytest.raises(helm_python.HelmValuesError, match="'/service'"):
        render(SERVICE_CHART, {}, name="order")


def test_a_release_is_named_after_its_service() -> None:
    values = values_of(Installation("order").value_files)
    with pytest.raises(helm_python.HelmRenderError, match=r'"shop\\*" but deploys'):
        render(SERVICE_CHART, values, name="shop")


def test_every_value_file_belongs_to_an_installation() -> None:
    folders = (VALUES / "services", VALUES / "env")
    present = {path for folder in folders for path in folder.glob("*.yaml")}
    generated = {path for path in present if path.name.endswith(".generated.yaml")}
    known = {path for installation in INSTALLATIONS for path in installation.value_files}
    assert present - generated == known
