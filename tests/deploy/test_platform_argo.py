"""Argo's options: who is upgraded when, and what a canary is judged by."""

import re
import subprocess
from typing import Any

import pytest
import yaml

from libs.topology import SERVICES
from tests.architecture.applications import ROOT
from tests.deploy.charts import REGIONS, VALUES

ARGO = ROOT / "deploy" / "argo"
APPLICATIONS = yaml.safe_load((ARGO / "applicationset.yaml").read_text())["spec"]
ANALYSIS = yaml.safe_load((ARGO / "analysis-template.yaml").read_text())["spec"]
SLO = yaml.safe_load((ROOT / "deploy/helm/platform/files/rules/slo.yaml").read_text())["groups"]


def listed() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    (matrix,) = APPLICATIONS["generators"]
    places, releases = (one["list"]["elements"] for one in matrix["matrix"]["generators"])
    return places, releases


def test_every_region_gets_the_platform_and_every_service() -> None:
    places, releases = listed()
    assert {one["region"] for one in places} == set(REGIONS)
    assert {one["release"] for one in releases} == {"platform", *SERVICES}


def test_the_platform_comes_first_and_the_master_region_last() -> None:
    places, releases = listed()
    order = []
    for step in APPLICATIONS["strategy"]["rollingSync"]["steps"]:
        wanted = {one["key"]: one["values"] for one in step["matchExpressions"]}
        (region,) = [one["region"] for one in places if one["turn"] in wanted["turn"]]
        (tier,) = wanted["tier"]
        order.append((region, tier))
    assert order[-1] == ("us-east-1", "service")
    for region in REGIONS:
        assert order.index((region, "platform")) < order.index((region, "service"))
    assert {tier for _, tier in order} == {one["tier"] for one in releases}


def argo(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", "--no-print-directory", "argo", *arguments],  # noqa: S607 - whichever make runs this
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_repository_is_yours_and_nothing_else_of_the_file_changes() -> None:
    address = "https://git.example.com/shop/meridian.git"
    printed = argo(f"repository={address}")
    assert printed.returncode == 0, printed.stderr
    written = (ARGO / "applicationset.yaml").read_text()
    source = yaml.safe_load(printed.stdout)["spec"]["template"]["spec"]["source"]
    assert source["repoURL"] == address
    there = APPLICATIONS["template"]["spec"]["source"]
    assert there == {**source, "repoURL": "${REPOSITORY}"}
    assert written.count("repoURL") == 1


@pytest.mark.parametrize("given", [(), ("repository=meridian",), ("repository=",)])
def test_without_a_repository_one_sentence_says_what_to_do(given: tuple[str, ...]) -> None:
    refused = argo(*given)
    assert refused.returncode != 0
    assert refused.stdout == ""
    assert refused.stderr.startswith("Say where Argo CD reads this repository: make argo")


def test_the_value_files_an_application_names_exist() -> None:
    places, releases = listed()
    patch = APPLICATIONS["templatePatch"]
    assert "../values/services/{{ .release }}.yaml" in patch
    assert "../values/{{ .folder }}/{{ .environment }}.yaml" in patch
    assert "../values/{{ .folder }}/{{ .environment }}-{{ .region }}.yaml" in patch
    assert "../values/{{ .folder }}/{{ .environment }}-{{ .region }}.generated.yaml" in patch
    assert yaml.safe_load(re.sub(r"{{-? .*? -?}}", "x", patch))["spec"]["source"]["helm"][
        "ignoreMissingValueFiles"
    ]
    for place in places:
        for release in releases:
            assert (ROOT / "deploy" / "helm" / release["chart"] / "Chart.yaml").exists()
            folder = VALUES / release["folder"]
            assert (folder / f"{place['environment']}.yaml").exists()
            assert (folder / f"{place['environment']}-{place['region']}.yaml").exists()


def test_a_canary_is_judged_by_the_services_own_objectives() -> None:
    records = {
        rule["record"]: rule["expr"] for group in SLO for rule in group["rules"] if "record" in rule
    }
    queries = {m["name"]: m["provider"]["prometheus"]["query"] for m in ANALYSIS["metrics"]}
    for name, record in (
        ("availability", "service:http_errors:ratio_rate5m"),
        ("latency", "service:http_slow:ratio_rate5m"),
    ):
        alone = re.sub(r'pod=~"[^"]*", ', "", queries[name])
        together = records[record].replace("sum by (service) (", "sum(")
        assert alone.split() == together.split()


def test_a_canary_nobody_asked_is_no_success() -> None:
    for metric in ANALYSIS["metrics"]:
        if metric["name"] != "restarts":
            assert metric["successCondition"].startswith("len(result) > 0")
            assert metric["inconclusiveLimit"] < metric["count"]
