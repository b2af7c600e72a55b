"""Where Terraform's states lie is made by hand, by the runbook: encrypted with a key of ours, by TLS, kept, and nobody else's."""

import json
from typing import Any, Final

from deploy.terraform.layout import ENVIRONMENTS, TERRAFORM, Layout
from tests.architecture.applications import ROOT

RUNBOOK: Final = (ROOT / "docs" / "runbooks" / "build-a-region.md").read_text()
POLICY: Final = TERRAFORM / "state-bucket-policy.json"


def statements() -> dict[str, dict[str, Any]]:
    return {one["Sid"]: one for one in json.loads(POLICY.read_text())["Statement"]}


def test_the_runbook_makes_a_bucket_that_keeps_encrypts_and_closes() -> None:
    account, _, _ = RUNBOOK.partition("## 2.")
    for step in (
        "put-bucket-versioning",
        "put-public-access-block",
        "enable-key-rotation",
        "put-bucket-encryption",
        "put-bucket-policy",
        POLICY.name,
    ):
        assert step in account, step
    assert "aws:kms" in account


def test_states_are_spoken_with_by_tls_and_written_under_the_key_alone() -> None:
    rules = statements()
    assert all(one["Effect"] == "Deny" and one["Principal"] == "*" for one in rules.values())
    assert rules["TlsOnly"]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert rules["TlsOnly"]["Resource"] == ["arn:aws:s3:::${BUCKET}", "arn:aws:s3:::${BUCKET}/*"]
    refused = {"StringEquals": {"s3:x-amz-server-side-encryption": "AES256"}}
    assert rules["UnderItsKeyOnly"]["Condition"] == refused


def test_no_environment_asks_for_another_key_than_the_buckets() -> None:
    """`encrypt = true` without a key has the backend ask for S3's own, whatever the bucket's default is."""
    for environment in ENVIRONMENTS:
        lines = (Layout().environments / environment / "backend.hcl").read_text().splitlines()
        settings = [line for line in lines if not line.startswith("#")]
        assert not [line for line in settings if line.startswith("encrypt")]


def test_the_keys_alias_is_the_one_that_the_pipeline_may_use() -> None:
    assert "--alias-name alias/$BUCKET" in RUNBOOK
    identity = (TERRAFORM / "modules" / "pipeline-identity" / "main.tf").read_text()
    assert '"alias/${var.state_bucket}"' in identity
