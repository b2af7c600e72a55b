"""What the programs of `make test-deploy` say about the images' contents and the mounted configuration."""

import json
from pathlib import Path

import pytest

from tests.architecture.applications import ROOT
from tests.architecture.test_locks import pins
from tests.deploy.programs import program, run

pytestmark = pytest.mark.tools


@pytest.mark.parametrize("lock", ["requirements.lock", "local/ministack.lock"])
def test_the_bill_of_materials_names_every_locked_package(lock: str, tmp_path: Path) -> None:
    written = tmp_path / "sbom.json"
    command = [program("cyclonedx-py"), "requirements", "--outfile", str(written), str(ROOT / lock)]
    told = run(command)
    assert told.returncode == 0, told.stderr
    document = json.loads(written.read_text())
    assert document["bomFormat"] == "CycloneDX"
    named = {one["purl"] for one in document["components"]}
    assert {purl.partition("?")[0] for purl in named} == {
        f"pkg:pypi/{name.partition('[')[0]}@{version}" for name, version in pins(lock).items()
    }


def test_prometheus_reads_what_compose_mounts() -> None:
    file = str(ROOT / "deploy/compose/prometheus.yaml")
    told = run([program("promtool"), "check", "config", "--syntax-only", file])
    assert told.returncode == 0, told.stdout + told.stderr
