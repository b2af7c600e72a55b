"""What the mesh itself has to be told when Istio is installed, because no namespace can say it."""

import json
from typing import Any

import yaml

from tests.architecture.applications import ROOT
from tests.deploy.charts import Installation, find, render_service
from tests.deploy.platform import Place
from tests.deploy.test_controllers import INSTALLED, word_after

ISTIO = ROOT / "deploy/helm/platform/istio"
VALUES = yaml.safe_load((ISTIO / "istiod-values.yaml").read_text())
PROMETHEUS = yaml.safe_load((ISTIO / "prometheus-values.yaml").read_text())["prometheus"]
PERSONAL = (
    "PATH(",
    ":PATH",
    "QUERY",
    "USER-AGENT",
    "COOKIE",
    "AUTHORIZATION",
    "FORWARDED",
    "REMOTE_ADDRESS",
    "X-USER",
)


def test_a_sidecars_log_names_no_person() -> None:
    (log,) = [
        one for one in VALUES["meshConfig"]["extensionProviders"] if "envoyFileAccessLog" in one
    ]
    said = str(log["envoyFileAccessLog"]["logFormat"]["labels"]).upper()
    assert not [word for word in PERSONAL if word in said]
    assert "X-REQUEST-ID" in said, "the service's own line says which operation it was"


def test_the_collector_forgets_what_sidecars_say_of_people() -> None:
    """Envoy tags its spans with the address it was asked for, the browser and the peer; no setting of the mesh stops it."""
    collector = yaml.safe_load((ISTIO.parent / "files" / "collector.yaml").read_text())
    actions = collector["processors"]["attributes/private"]["actions"]
    forgotten = {one["key"] for one in actions if one["action"] == "delete"}
    assert forgotten >= {"http.url", "user_agent", "peer.address"}
    assert forgotten >= {"url.full", "url.path", "url.query", "client.address"}
    assert "attributes/private" in collector["service"]["pipelines"]["traces"]["processors"]


def test_the_providers_telemetry_names_exist() -> None:
    telemetry = find(Place().rendered(), "Telemetry", "default")["spec"]
    named = {
        p["name"]
        for part in (*telemetry["tracing"], *telemetry["accessLogging"])
        for p in part["providers"]
    }
    assert named == {one["name"] for one in VALUES["meshConfig"]["extensionProviders"]}


def test_sidecars_fetch_the_keys_themselves_as_services_do() -> None:
    assert VALUES["pilot"]["env"]["PILOT_JWT_ENABLE_REMOTE_JWKS"] == "hybrid"


def test_nothing_is_repeated_and_nothing_left_open_by_default() -> None:
    mesh = VALUES["meshConfig"]
    assert mesh["defaultHttpRetryPolicy"] == {"attempts": 0}
    assert mesh["outboundTrafficPolicy"] == {"mode": "REGISTRY_ONLY"}
    assert mesh["pathNormalization"] == {"normalization": "DECODE_AND_MERGE_SLASHES"}
    assert mesh["trustDomain"] == Place().values().get("mesh", {}).get(
        "trustDomain", "cluster.local"
    )


def test_prometheus_scrapes_as_who_the_policies_let_in() -> None:
    policy = find(Place().rendered(), "AuthorizationPolicy", "metrics-from-prometheus")["spec"]
    (source,) = policy["rules"][0]["from"]
    account = PROMETHEUS["serviceAccount"]["name"]
    assert source["source"]["principals"] == [f"cluster.local/ns/observability/sa/{account}"]


def test_prometheus_finds_its_certificate_where_the_monitors_say() -> None:
    spec: dict[str, Any] = PROMETHEUS["prometheusSpec"]
    annotations = spec["podMetadata"]["annotations"]
    (volume,) = spec["volumes"]
    (mount,) = spec["volumeMounts"]
    (of_proxy,) = json.loads(annotations["sidecar.istio.io/userVolumeMount"])
    metadata = json.loads(annotations["proxy.istio.io/config"])["proxyMetadata"]
    assert volume["name"] == mount["name"] == of_proxy["name"]
    assert metadata["OUTPUT_CERTS"] == of_proxy["mountPath"]
    monitor = find(render_service(Installation("order")), "ServiceMonitor", "order")["spec"]
    files = [
        monitor["endpoints"][0]["tlsConfig"][name] for name in ("caFile", "certFile", "keyFile")
    ]
    assert {file.rpartition("/")[0] for file in files} == {mount["mountPath"]}


def test_what_the_runbook_runs_installs_both_with_their_files() -> None:
    assert "make controllers " in (ROOT / "docs/runbooks/deploy-to-eks.md").read_text()
    for release, values in (
        ("istiod", "istiod-values.yaml"),
        ("kube-prometheus-stack", "prometheus-values.yaml"),
    ):
        file = word_after(INSTALLED[release], "-f")
        assert file == f"deploy/helm/platform/istio/{values}"


def test_the_runbook_puts_the_gateways_image_where_every_region_pulls_it_from() -> None:
    text = (ROOT / "docs/runbooks/deploy-to-eks.md").read_text()
    image = find(Place().rendered(), "Deployment", "gateway")["spec"]["template"]["spec"][
        "containers"
    ][0]["image"]
    assert f"docker push $REGISTRY/{image.partition('/')[2]}" in text
