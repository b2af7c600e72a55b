"""What other people's rules say about the rendered charts and the Dockerfile."""

import json
from pathlib import Path

import pytest
import yaml

from tests.architecture.applications import ROOT
from tests.deploy.charts import NAMESPACE, Manifest
from tests.deploy.programs import CHECKS, program, run
from tests.deploy.region import Place, everything_in

pytestmark = pytest.mark.tools

CHECKOV = CHECKS / "checkov.yaml"


def failures(told: str) -> list[str]:
    """Name the failed checks of a checkov report, which is a list if several frameworks ran."""
    report = json.loads(told)
    reports = report if isinstance(report, list) else [report]
    return [
        f"{check['check_id']} {check['resource']}: {check['check_name']}"
        for one in reports
        for check in one.get("results", {}).get("failed_checks", [])
    ]


def checkov(*arguments: str) -> list[str]:
    command = [
        program("checkov"), "--config-file", str(CHECKOV), "--skip-download", "--output", "json",
        "--quiet", "--compact", *arguments,
    ]  # fmt: skip
    told = run(command, environment={"LOG_LEVEL": "ERROR", "BC_SKIP_MAPPING": "TRUE"})
    assert told.stdout.strip().startswith(("{", "[")), told.stdout + told.stderr
    return failures(told.stdout)


def test_the_rendered_charts_keep_to_checkovs_rules(tmp_path: Path) -> None:
    """One place is enough: regions and environments differ in names and numbers only."""
    everything = [_placed(one) for one in everything_in(Place("prod", "us-east-1"))]
    (tmp_path / "prod.yaml").write_text(yaml.safe_dump_all(everything))
    assert not checkov("--framework", "kubernetes", "--file", str(tmp_path / "prod.yaml"))


def _placed(manifest: Manifest) -> Manifest:
    """Say the namespace that `helm --namespace` gives a release's objects."""
    return {**manifest, "metadata": {"namespace": NAMESPACE, **manifest["metadata"]}}


def test_checkov_looks_at_what_it_is_given(tmp_path: Path) -> None:
    careless = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "careless", "namespace": "meridian"},
        "spec": {"hostNetwork": True, "containers": [{"name": "one", "image": "one:latest"}]},
    }
    (tmp_path / "pod.yaml").write_text(yaml.safe_dump(careless))
    assert checkov("--framework", "kubernetes", "--file", str(tmp_path / "pod.yaml"))


def test_the_dockerfile_keeps_to_checkovs_rules() -> None:
    assert not checkov("--framework", "dockerfile", "--file", str(ROOT / "Dockerfile"))


def test_every_exception_has_a_reason() -> None:
    lines = CHECKOV.read_text().splitlines()
    for number, line in enumerate(lines):
        if line.strip().startswith("- CKV"):
            assert "#" in line, f"line {number + 1}: say why {line.strip()} does not hold here"


def test_hadolint_finds_no_fault_with_the_dockerfile() -> None:
    told = run([program("hadolint"), "--failure-threshold", "style", "Dockerfile"])
    assert told.returncode == 0, told.stdout + told.stderr
