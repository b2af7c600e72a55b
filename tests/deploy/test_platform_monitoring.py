"""Alerts and dashboards speak of what exists: metrics, labels, runbooks."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.architecture.applications import ROOT
from tests.deploy.charts import PLATFORM_CHART, find, of_kind
from tests.deploy.instruments import instruments, label_names, shown_names
from tests.deploy.platform import Place
from tests.deploy.promql import labels_in, metrics_in

RULES = sorted((PLATFORM_CHART / "files" / "rules").glob("*.yaml"))
DASHBOARDS = sorted((PLATFORM_CHART / "files" / "dashboards").glob("*.json"))
ANALYSES = sorted((ROOT / "deploy" / "argo").glob("analysis*.yaml"))

OTHERS = {
    "up",
    "kube_deployment_status_replicas_unavailable",
    "kube_horizontalpodautoscaler_spec_max_replicas",
    "kube_horizontalpodautoscaler_status_current_replicas",
    "kube_pod_container_status_restarts_total",
    "envoy_cluster_upstream_rq_retry",
    "envoy_cluster_upstream_rq_retry_overflow",
    "envoy_http_downstream_cx_active",
    "envoy_http_downstream_rq_time_bucket",
    "envoy_http_downstream_rq_total",
    "envoy_http_downstream_rq_xx",
    "istio_requests_total",
}
"""What Prometheus itself, kube-state-metrics, Envoy and Istio show; named one by one so that a slip is seen."""

OTHERS_LABELS = {
    "namespace", "pod", "service", "instance", "le", "deployment", "horizontalpodautoscaler",
    "envoy_http_conn_manager_prefix", "envoy_response_code_class", "envoy_cluster_name",
    "source_app", "destination_app", "destination_service_namespace", "reporter", "response_code",
}  # fmt: skip


def rules() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in RULES:
        for group in yaml.safe_load(path.read_text())["groups"]:
            for rule in group["rules"]:
                yield rule.get("alert") or rule["record"], rule


def panels() -> Iterator[tuple[str, str]]:
    for path in DASHBOARDS:
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel["targets"]:
                yield f"{path.stem}: {panel['title']}", target["expr"]


def analyses() -> Iterator[tuple[str, str]]:
    for path in ANALYSES:
        for document in yaml.safe_load_all(path.read_text()):
            for metric in document["spec"]["metrics"]:
                query = metric["provider"]["prometheus"]["query"]
                yield metric["name"], re.sub(r"\{\{args\.[a-z-]+\}\}", "x", query)


EXPRESSIONS = [
    *((name, rule["expr"]) for name, rule in rules()),
    *panels(),
    *analyses(),
]
ALERTS = [(name, rule) for name, rule in rules() if "alert" in rule]


def known_metrics() -> set[str]:
    recorded = {rule["record"] for _, rule in rules() if "record" in rule}
    return set(shown_names()) | recorded | OTHERS


@pytest.mark.parametrize(("name", "expression"), EXPRESSIONS, ids=lambda value: str(value)[:60])
def test_an_expression_reads_metrics_and_labels_that_exist(name: str, expression: str) -> None:
    read = metrics_in(expression)
    assert read, f"{name} reads no metric"
    assert read <= known_metrics(), f"{name}: unknown {sorted(read - known_metrics())}"
    labels = labels_in(expression)
    known = label_names() | OTHERS_LABELS
    assert labels <= known, f"{name}: unknown labels {sorted(labels - known)}"


def test_every_metric_is_shown_under_the_name_prometheus_sees() -> None:
    assert "http_server_request_duration_seconds_bucket" in shown_names()
    assert "payment_reconciliation_case_age_seconds" in shown_names()
    assert "payment_ledger_imbalance" in shown_names()
    assert len(instruments()) > 40


def test_what_other_parts_show_is_listed_only_if_it_is_used() -> None:
    used = {metric for _, expression in EXPRESSIONS for metric in metrics_in(expression)}
    assert used >= OTHERS


def test_every_metric_of_ours_is_watched_by_somebody() -> None:
    used = " ".join(expression for _, expression in EXPRESSIONS)
    families = {re.sub(r"_(total|bucket|count|sum|created)$", "", name) for name in shown_names()}
    ours = {name for name in families if not name.startswith(("process_", "python_", "target_"))}
    unseen = sorted(name for name in ours if name not in used)
    assert not unseen, f"no alert and no panel shows {unseen}"


@pytest.mark.parametrize(("name", "rule"), ALERTS, ids=[name for name, _ in ALERTS])
def test_an_alert_says_what_it_is_how_bad_and_what_to_do(name: str, rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert {"summary", "description", "runbook_url"} == rule["annotations"].keys()
    assert rule["annotations"]["runbook_url"] == f"${{RUNBOOKS}}/alerts.md#{name.lower()}"


def test_the_budget_is_watched_in_long_and_short_windows_together() -> None:
    burning = [rule["expr"] for name, rule in ALERTS if name.endswith("BudgetBurning")]
    assert len(burning) == 2
    for expression in burning:
        for window in ("5m", "30m", "1h", "6h"):
            assert f"ratio_rate{window}" in expression
        assert "14.4 *" in expression
        assert "6 *" in expression


def test_the_rules_arrive_as_they_are_and_with_links_that_lead_somewhere() -> None:
    manifests = Place().rendered()
    shown = [
        a
        for m in of_kind(manifests, "PrometheusRule")
        for g in m["spec"]["groups"]
        for a in g["rules"]
    ]
    assert len(shown) == sum(1 for _ in rules())
    assert "${" not in str(shown)
    for path in RULES:
        rule = find(manifests, "PrometheusRule", f"meridian-{path.stem}")
        assert rule["metadata"]["labels"]["release"] == "kube-prometheus-stack"


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_can_be_loaded_anywhere_and_is_found_by_the_sidecar(path: Path) -> None:
    board = json.loads(path.read_text())
    assert board["uid"] == f"meridian-{path.stem}"
    assert board["description"]
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids))
    for panel in board["panels"]:
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert panel["title"]
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
    variables = {one["name"] for one in board["templating"]["list"]}
    used = set(re.findall(r"\$(\w+)", " ".join(e for n, e in panels() if n.startswith(path.stem))))
    assert used - {"__rate_interval"} <= variables
    manifest = find(Place().rendered(), "ConfigMap", f"dashboard-{path.stem}")
    assert manifest["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert json.loads(manifest["data"][path.name]) == board
