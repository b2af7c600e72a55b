"""Production's plans protect what they make: nobody comes without TLS, all is encrypted with keys of ours, and kept."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import pytest

from deploy.terraform.layout import Layout
from tests.terraform.plans import PLANS, Planned, Resource, figures, is_set, resource
from tests.terraform.sandbox import Sandbox
from tests.terraform.statements import keyless, module_of, statements

MODULES: Final = Layout().terraform / "modules"

SEAL: Final = "aws_s3_bucket_server_side_encryption_configuration"
BY_DEFAULT: Final = "rule.*.apply_server_side_encryption_by_default.0"

TLS_ONLY: Final = {
    "aws_s3_bucket": "arn:aws:s3:::{bucket}",
    "aws_sqs_queue": "arn:aws:sqs:{region}:111122223333:{name}",
    "aws_sns_topic": "arn:aws:sns:{region}:111122223333:{name}",
}
"""What may only be spoken with by TLS, and its name in a policy."""

ENCRYPTED: Final = {
    "aws_rds_cluster": "kms_key_id",
    "aws_rds_cluster_instance": "performance_insights_kms_key_id",
    "aws_elasticache_replication_group": "kms_key_id",
    "aws_sqs_queue": "kms_master_key_id",
    "aws_sns_topic": "kms_master_key_id",
    "aws_cloudwatch_log_group": "kms_key_id",
    "aws_secretsmanager_secret": "kms_key_id",
    "aws_cloudtrail": "kms_key_id",
    "aws_backup_vault": "kms_key_arn",
    "aws_codebuild_project": "encryption_key",
    "aws_codepipeline": "artifact_store.*.encryption_key.0.id",
    "aws_ecr_repository": "encryption_configuration.0.kms_key",
    "aws_eks_cluster": "encryption_config.0.provider",
    "aws_kinesis_firehose_delivery_stream": "server_side_encryption.0.key_arn",
    "aws_athena_workgroup": "configuration.0.result_configuration.0.encryption_configuration.0.kms_key_arn",
    "aws_launch_template": "block_device_mappings.0.ebs.0.encrypted",
}
"""Where the key of each type is named."""

PLAIN: Final[Mapping[str, Mapping[str, str]]] = {
    "global": {
        "aws_secretsmanager_secret.origin": "it is in every region before a region has keys",
        "module.dns.aws_cloudwatch_log_group.queries": "it is applied before any region has keys",
        "module.edge.aws_cloudwatch_log_group.access": "it is applied before any region has keys",
        "module.firewall.aws_cloudwatch_log_group.this": "it is applied before any region has keys",
    },
    "network": {
        "module.network.aws_cloudwatch_log_group.flow": "it is applied before the region's keys",
    },
}
"""What is encrypted with a key of AWS and not with one of ours, and why."""

KEPT: Final[Mapping[str, tuple[str, tuple[object, ...]]]] = {
    "aws_rds_cluster": ("deletion_protection", (True,)),
    "aws_lb": ("enable_deletion_protection", (True,)),
    "aws_s3_bucket": ("force_destroy", (None, False)),
    "aws_ecr_repository": ("force_delete", (None, False)),
    "aws_route53_zone": ("force_destroy", (None, False)),
    "aws_backup_vault": ("force_destroy", (None, False)),
    "aws_kms_key": ("deletion_window_in_days", (30,)),
    "aws_kms_replica_key": ("deletion_window_in_days", (30,)),
    "aws_secretsmanager_secret": ("recovery_window_in_days", (7, 30)),
}
"""What says that it refuses to be destroyed, or to be destroyed while something is in it, or waits days before it is."""


def without_tls(planned: Sequence[Resource], region: str) -> list[str]:
    """Name what no policy closes; one that knows its resource only after an apply closes that of its own module."""
    refusals = [one for one in statements(planned) if one.refuses_without_tls]
    closed = {resource for one in refusals for resource in one.resources}
    modules = {module_of(one.holder) for one in refusals if not one.resources}
    return [
        one["address"]
        for one in planned
        if one["type"] in TLS_ONLY
        and TLS_ONLY[one["type"]].format(region=region, **one["values"]) not in closed
        and module_of(one["address"]) not in modules
    ]


@pytest.mark.parametrize("plan", PLANS, ids=str)
def test_every_bucket_queue_and_topic_is_spoken_with_by_tls_only(
    sandbox: Sandbox, plan: Planned
) -> None:
    assert without_tls(plan.resources(sandbox), plan.place.region) == []


@pytest.mark.parametrize("plan", PLANS, ids=str)
def test_everything_is_encrypted_with_a_key_of_ours(sandbox: Sandbox, plan: Planned) -> None:
    planned = plan.resources(sandbox)
    plain = {
        keyless(one["address"])
        for one in planned
        if one["type"] in ENCRYPTED and not is_set(one, ENCRYPTED[one["type"]])
    }
    assert plain == set(PLAIN.get(plan.name, {}))


@pytest.mark.parametrize("plan", PLANS, ids=str)
def test_every_bucket_is_encrypted_with_a_key_of_ours_but_the_logs_of_access(
    sandbox: Sandbox, plan: Planned
) -> None:
    planned = plan.resources(sandbox)
    buckets = {sibling(one): one for one in planned if one["type"] == "aws_s3_bucket"}
    sealed = {sibling(one): one for one in planned if one["type"] == SEAL}
    assert set(sealed) == set(buckets)
    plain = [
        buckets[name]["values"]["bucket"]
        for name, one in sealed.items()
        if not is_set(one, f"{BY_DEFAULT}.kms_master_key_id")
        or figures(one["values"], f"{BY_DEFAULT}.sse_algorithm") != ["aws:kms"]
    ]
    assert [name for name in plain if "-access-logs-" not in name] == []


def sibling(one: Resource) -> str:
    """Return what the address of a resource shares with those of the other types about the same thing."""
    address: str = one["address"]
    return address.replace(f"{one['type']}.", "")


@pytest.mark.parametrize("plan", PLANS, ids=str)
def test_production_refuses_to_be_destroyed(sandbox: Sandbox, plan: Planned) -> None:
    careless = [
        one["address"]
        for one in plan.resources(sandbox)
        if one["type"] in KEPT
        for path, wanted in (KEPT[one["type"]],)
        if one["values"].get(path) not in wanted
    ]
    assert careless == []


@pytest.mark.parametrize("plan", [plan for plan in PLANS if plan.name == "messaging"], ids=str)
def test_every_queue_has_its_dead_letters_and_an_alarm(sandbox: Sandbox, plan: Planned) -> None:
    planned = plan.resources(sandbox)
    queues = {one["values"]["name"]: one for one in planned if one["type"] == "aws_sqs_queue"}
    watched = {
        dimensions.get("QueueName")
        for one in planned
        if one["type"] == "aws_cloudwatch_metric_alarm"
        for dimensions in (one["values"]["dimensions"] or {},)
    }
    ends = ("-dead", "-dead.fifo", "-undelivered")
    working = [name for name in queues if not name.endswith(ends)]
    assert working
    assert set(queues) <= watched
    assert [name for name in working if not is_set(queues[name], "redrive_policy")] == []
    assert [name for name in working if dead_letters_of(name) not in queues] == []


def dead_letters_of(queue: str) -> str:
    name, dot, kind = queue.partition(".")
    return f"{name}-dead{dot}{kind}"


def test_a_bucket_that_may_be_spoken_with_in_the_clear_is_found() -> None:
    assert without_tls([resource("aws_s3_bucket", bucket="one")], "us-east-1")


def test_every_rule_finds_something_to_judge() -> None:
    written = "".join(Path(file).read_text() for file in MODULES.glob("*/*.tf"))
    types = {*TLS_ONLY, *ENCRYPTED, *KEPT}
    assert [name for name in types if f'resource "{name}"' not in written] == []
