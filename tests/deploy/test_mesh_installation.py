"""What the mesh itself has to be told when Istio is installed, because no namespace can say it."""

import yaml

from tests.architecture.applications import ROOT
from tests.deploy.charts import find
from tests.deploy.platform import Place

VALUES = yaml.safe_load((ROOT / "deploy/helm/platform/istio/istiod-values.yaml").read_text())
PERSONAL = (
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
    assert "%PATH(NQ:PATH)%" in said, "the path without its query"


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
