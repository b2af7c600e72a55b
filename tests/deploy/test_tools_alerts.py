"""What Prometheus' own reader says about the alerts, and that each alert fires when it should."""

from pathlib import Path

import pytest
import yaml

from tests.deploy.charts import of_kind
from tests.deploy.programs import CHECKS, program, run
from tests.deploy.region import PLACES, everything_in

pytestmark = pytest.mark.tools

CASES = CHECKS / "promtool"


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """The rules of every PrometheusRule as the operator would hand them to Prometheus."""
    groups = [
        group
        for one in of_kind(everything_in(PLACES[-1]), "PrometheusRule")
        for group in one["spec"]["groups"]
    ]
    assert groups
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": groups}))
    return file


def test_prometheus_reads_every_rule(rules: Path) -> None:
    told = run([program("promtool"), "check", "rules", "--lint=all", "--lint-fatal", str(rules)])
    assert told.returncode == 0, told.stdout + told.stderr


@pytest.mark.parametrize("case", sorted(CASES.glob("*.yaml")), ids=lambda path: path.stem)
def test_alerts_fire_when_they_should_and_only_then(case: Path) -> None:
    told = run([program("promtool"), "test", "rules", str(case)])
    assert told.returncode == 0, told.stdout + told.stderr
