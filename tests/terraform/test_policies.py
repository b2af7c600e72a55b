"""Production's plans keep to the rules of security: rights have an end, nobody comes without TLS, all is encrypted and kept."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from deploy.terraform.layout import REGIONAL, Layout
from libs.topology import MASTER_REGION
from tests.terraform.plans import PLANS, Planned, Resource, figures
from tests.terraform.sandbox import Sandbox
from tests.terraform.statements import (
    DOCUMENT,
    Statement,
    keyless,
    module_of,
    statements,
    told_only_after,
)

MODULES: Final = Layout().terraform / "modules"

BY_PIPELINE: Final = tuple(plan for plan in PLANS if plan.place.stack in REGIONAL)
"""What the pipeline applies; the rest a person does."""

BY_PEOPLE: Final = "module.pipeline."
"""The pipeline's own roles, which it may not change."""

UNLIMITED: Final[Mapping[str, Mapping[str, str]]] = {
    "network": {
        "module.endpoints.aws_vpc_endpoint.interface OwnPrincipals": "everybody, on the condition of this account",
        "module.endpoints.aws_vpc_endpoint.s3 OwnPrincipals": "everybody, on the condition of this account",
        "module.endpoints.aws_vpc_endpoint.interface ServiceAccounts": "a pod has no identity before it has asked for one",
        "module.endpoints.aws_vpc_endpoint.s3 AmazonsOwn": "nodes read images and packages from Amazon's buckets",
    },
    "global": {
        "module.boundary.aws_iam_policy.this EverythingButIdentities": "a boundary gives nothing: it is the most that a role may be given",
        "module.boundary.aws_iam_policy.this LooksAtIdentities": "a boundary gives nothing: it is the most that a role may be given",
    },
    "platform": {
        "module.cluster.aws_iam_role_policy.controller Look": "lists of nodes and load balancers know no resource",
        "module.delivery.aws_iam_role_policy.this LooksForItsNetwork": "descriptions of a network know no resource",
        "module.cluster.aws_iam_role_policy.controller Age": "figures of CloudWatch know no resource",
    },
    "edge-b": {
        "module.api.aws_iam_role_policy.authorizer": "X-Ray's two actions know no resource",
    },
    "observability": {
        "module.delivery.aws_iam_role_policy.push SignInKnowsNoResource": "signing in to ECR knows no resource",
    },
}
"""Statements that allow an action, a resource or everybody by `*`, and why that is not everything."""

AFTER: Final[Mapping[str, Mapping[str, str]]] = {
    "data": {
        "module.rotation.aws_iam_role_policy.this": "rotation",
        "module.storage.aws_iam_role_policy.replication": "storage",
    },
    "platform": {"module.identity.aws_iam_role.this": "service-identity"},
    "edge-b": {"module.api.aws_iam_role_policy.invoker": "api-gateway"},
}
"""Policies that name what is known only after an apply, and the module whose own tests read them."""

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


def unlimited(one: Statement) -> bool:
    """Whether something is allowed by `*`; in the policy of a key that resource is the key itself."""
    of_a_key = ".aws_kms_" in one.holder
    return one.effect == "Allow" and (
        one.everyone
        or any("*" in action for action in one.actions)
        or ("*" in one.resources and not of_a_key)
    )


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


def is_set(one: Resource, path: str) -> bool:
    """Whether a value is given, or will be known after an apply."""
    return any(figures(one["values"], path)) or any(map(bool, figures(one["unknown"], path)))


@pytest.mark.parametrize("plan", PLANS, ids=str)
def test_nothing_is_allowed_without_end_but_what_has_a_reason(
    sandbox: Sandbox, plan: Planned
) -> None:
    found = {one.name for one in statements(plan.resources(sandbox)) if unlimited(one)}
    assert found == set(UNLIMITED.get(plan.name, {}))


@pytest.mark.parametrize("plan", PLANS, ids=str)
def test_a_policy_that_is_known_only_later_is_read_by_its_modules_tests(
    sandbox: Sandbox, plan: Planned
) -> None:
    known = AFTER.get(plan.name, {})
    assert set(told_only_after(plan.resources(sandbox))) == set(known)
    for module in known.values():
        text = "".join(file.read_text() for file in (MODULES / module / "tests").glob("*.hcl"))
        assert "policy).Statement" in text, f"{module}: its tests read no policy"


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
    buckets = [one for one in planned if one["type"] == "aws_s3_bucket"]
    sealed = [
        one
        for one in planned
        if one["type"] == "aws_s3_bucket_server_side_encryption_configuration"
    ]
    assert len(sealed) == len(buckets)


@pytest.mark.parametrize("plan", BY_PIPELINE, ids=str)
def test_every_role_that_the_pipeline_makes_is_bounded_and_the_regions(
    sandbox: Sandbox, plan: Planned
) -> None:
    place = plan.place
    roles = [
        one
        for one in plan.resources(sandbox)
        if one["type"] == "aws_iam_role" and not one["address"].startswith(BY_PEOPLE)
    ]
    boundary = f"arn:aws:iam::111122223333:policy/meridian-{place.environment}-boundary"
    loose = [
        one["address"] for one in roles if one["values"].get("permissions_boundary") != boundary
    ]
    assert loose == []
    own = f"meridian-{place.environment}-{place.region}-"
    elsewhere = [
        one["address"] for one in roles if not str(one["values"].get("name")).startswith(own)
    ]
    assert elsewhere == [], "the pipeline may make roles of its region alone"


def test_the_pipeline_may_hand_each_role_to_the_service_that_it_is_for(sandbox: Sandbox) -> None:
    planned = {plan: plan.resources(sandbox) for plan in BY_PIPELINE}
    trusted = {service for of in planned.values() for one in of for service in services_of(one)}
    [apply] = [
        json.loads(one["values"]["policy"])["Statement"]
        for plan, of in planned.items()
        for one in of
        if plan.place.region == MASTER_REGION
        and one["address"] == 'module.pipeline.aws_iam_role_policy.this["apply"]'
    ]
    [handed] = [one for one in apply if one["Sid"] == "HandsThemToServices"]
    assert trusted
    assert trusted <= set(handed["Condition"]["StringEquals"]["iam:PassedToService"])


def services_of(one: Resource) -> set[str]:
    """Return the services that a role of a plan trusts, or that a document says may take a role."""
    if one["type"] == DOCUMENT:
        return {
            name
            for row in one["values"].get("statement") or ()
            if set(row["actions"] or ()) == {"sts:AssumeRole"}
            for who in row["principals"] or ()
            if who["type"] == "Service"
            for name in who["identifiers"]
        }
    if one["type"] != "aws_iam_role" or not one["values"].get("assume_role_policy"):
        return set()
    rows = json.loads(one["values"]["assume_role_policy"])["Statement"]
    named = [row["Principal"].get("Service", []) for row in rows]
    return {name for of in named for name in ([of] if isinstance(of, str) else of)}


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


def resource(kind: str, **values: Any) -> Resource:
    return {"address": f"{kind}.this", "type": kind, "values": values, "unknown": {}}


def test_a_right_without_end_is_found() -> None:
    policy = '{"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::one"}}'
    (found,) = statements([resource("aws_iam_role_policy", policy=policy)])
    assert unlimited(found)


def test_a_bucket_that_may_be_spoken_with_in_the_clear_is_found() -> None:
    assert without_tls([resource("aws_s3_bucket", bucket="one")], "us-east-1")


def test_every_rule_finds_something_to_judge() -> None:
    written = "".join(Path(file).read_text() for file in MODULES.glob("*/*.tf"))
    types = {*TLS_ONLY, *ENCRYPTED, *KEPT}
    assert [name for name in types if f'resource "{name}"' not in written] == []
