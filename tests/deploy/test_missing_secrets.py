"""A pod whose secret lacks a key ends at once and says in one line what it misses; nobody has to read a stack trace."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from libs.security.service_tokens import generate_service_keys
from libs.topology import SERVICES
from tests.architecture.applications import ROOT
from tests.authority import Authority
from tests.deploy.charts import Installation, container_of, find, installed


@pytest.mark.parametrize("service", SERVICES)
def test_a_pod_without_its_secrets_names_each_and_ends(service: str, tmp_path: Path) -> None:
    manifests = installed(Installation(service))
    settings = find(manifests, "ConfigMap", f"{service}-settings")["data"]
    command = container_of(find(manifests, "Deployment", f"{service}-api"))["command"]
    secrets = find(manifests, "ExternalSecret", f"{service}-secrets")["spec"]["data"]
    wanted = {entry["secretKey"] for entry in secrets if "PREVIOUS" not in entry["secretKey"]}
    generate_service_keys(tmp_path)
    finished = subprocess.run(
        [sys.executable, *command[1:]],
        env={
            "PATH": os.environ["PATH"],  # noqa: TID251 - a child's environment
            "PYTHONPATH": str(ROOT),
            **settings,
            "SERVICE_KEY_FILE": str(tmp_path / f"{service}.key.json"),
            "TRUST_BUNDLE_FILE": str(tmp_path / "trust-bundle.json"),
            "DATABASE_CA_FILE": str(Authority(tmp_path).ca_file),
        },
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert finished.returncode == 2
    lines = finished.stderr.splitlines()
    assert all(line.startswith(f"{service}: ") for line in lines)
    # The provider's secrets are only looked at when everything else is there.
    required = {name for name in wanted if not name.startswith("STRIPE_")}
    assert {line.split(": ")[1] for line in lines} == required
