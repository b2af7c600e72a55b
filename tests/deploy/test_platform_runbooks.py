"""Whoever is woken finds what to do: one section per alert, and none for an alert that is gone."""

import re

from tests.architecture.applications import ROOT
from tests.deploy.test_platform_monitoring import ALERTS

RUNBOOK = ROOT / "docs" / "runbooks" / "alerts.md"


def test_every_alert_has_its_section_and_every_section_its_alert() -> None:
    sections = re.findall(r"^### (\w+)$", RUNBOOK.read_text(), re.MULTILINE)
    assert sorted(sections) == sorted(name for name, _ in ALERTS)
