"""Production's plans give no right without an end: no `*`, no policy of AWS, no service let in without a reason."""

import json
from collections.abc import Mapping
from typing import Final

import pytest

from deploy.terraform.layout import REGIONAL, Layout
from libs.topology import MASTER_REGION
from tests.terraform.plans import PLANS, Planned, Resource, is_set, resource
from tests.terraform.sandbox import Sandbox
from tests.terraform.statements import (
    DOCUMENT,
    Statement,
    attached,
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
        "module.endpoints.aws_vpc_endpoint.interface OwnPrincipalsAnywhere": "two calls that know no resource, on the same condition",
        "module.endpoints.aws_vpc_endpoint.s3 OwnPrincipals": "everybody, on the condition of this account",
        "module.endpoints.aws_vpc_endpoint.interface ServiceAccounts": "a pod has no identity before it has asked for one",
        "module.endpoints.aws_vpc_endpoint.s3 PublicImages": "nodes read images and packages from other people's buckets",
    },
    "operations": {
        "aws_iam_role_policy.flags Look": "composite alarms are described to nobody whose right is narrower",
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

ATTACHED: Final[Mapping[str, Mapping[str, str]]] = {
    "data": {
        "service-role/AWSBackupServiceRolePolicyForBackup": "AWS Backup saves what carries the tag",
        "service-role/AWSBackupServiceRolePolicyForRestores": "and restores it",
        "AWSBackupServiceRolePolicyForS3Backup": "buckets have policies of their own",
        "AWSBackupServiceRolePolicyForS3Restore": "buckets have policies of their own",
        "service-role/AmazonRDSEnhancedMonitoringRole": "RDS writes the instances' figures",
    },
    "operations": {
        "service-role/AWS_ConfigRole": "AWS Config reads every resource; AWS adds what is new",
    },
    "platform": {
        "AmazonEC2ContainerRegistryPullOnly": "nodes pull images",
        "AmazonEKSClusterPolicy": "EKS makes network interfaces and looks at nodes",
        "AmazonEKSWorkerNodePolicy": "nodes join the cluster",
        "AmazonEKS_CNI_Policy": "the network plugin gives pods addresses",
        "AmazonSSMManagedInstanceCore": "people reach a node without SSH",
        "CloudWatchAgentServerPolicy": "the agent writes logs and figures",
        "PowerUserAccess": "the pipeline applies every stack; it may give no rights but those of pipeline-identity",
        "ReadOnlyAccess": "the pipeline plans every stack",
        "service-role/AmazonEBSCSIDriverPolicy": "Prometheus has disks",
    },
    "edge-b": {
        "service-role/AmazonAPIGatewayPushToCloudWatchLogs": "API Gateway writes its log",
        "service-role/AWSLambdaENIManagementAccess": "Lambda makes the function's network interfaces",
    },
}
"""AWS's own policies that roles have, and why: a name says nothing about what it allows, so each is read once, by a person."""

UNBOUND: Final[Mapping[str, Mapping[str, str]]] = {
    "data": {
        "module.database.aws_iam_role.monitoring": "RDS takes it on for instances that name it, which takes iam:PassRole here",
        "module.rotation.aws_iam_role.this": "Lambda takes it on for functions that name it, which takes iam:PassRole here",
    },
    "operations": {
        "module.observability.data.aws_iam_policy_document.alarms BackupsOfThisAccount": "AWS Backup names no source, and tells no topic of another account",
    },
    "platform": {
        "module.cluster.aws_iam_role.nodes": "EC2 takes it on for instances that name it, which takes iam:PassRole here",
    },
    "edge-b": {
        "module.api.aws_iam_role.authorizer": "Lambda takes it on for functions that name it, which takes iam:PassRole here",
    },
}
"""What lets a service in without a condition, and why nobody else can send that service."""

OF_THEIR_OWN: Final = ("aws_kms_key", "aws_kms_replica_key", "aws_vpc_endpoint")
"""What AWS gives a policy that allows everything, if nobody writes one."""

MANAGED: Final = "arn:aws:iam::aws:policy/"

AFTER: Final[Mapping[str, Mapping[str, str]]] = {
    "data": {
        "module.database_export.aws_iam_role_policy.this": "database-export",
        "module.rotation.aws_iam_role_policy.this": "rotation",
        "module.storage.aws_iam_role_policy.replication": "storage",
    },
    "operations": {"module.feature_flags.aws_iam_role_policy.reader": "feature-flags"},
    "platform": {"module.identity.aws_iam_role.this": "service-identity"},
    "edge-b": {"module.api.aws_iam_role_policy.invoker": "api-gateway"},
}
"""Policies that name what is known only after an apply, and the module whose own tests read them."""


def unlimited(one: Statement) -> bool:
    """Whether something is allowed by `*`; in the policy of a key that resource is the key itself."""
    of_a_key = ".aws_kms_" in one.holder
    return one.effect == "Allow" and (
        one.everyone
        or any("*" in action for action in one.actions)
        or ("*" in one.resources and not of_a_key)
    )


def unbound(one: Statement) -> bool:
    """Whether a service of AWS may act here for anybody who sends it."""
    return one.effect == "Allow" and bool(one.services) and not one.conditions


@pytest.mark.parametrize("plan", PLANS, ids=str)
def test_nothing_is_allowed_without_end_but_what_has_a_reason(
    sandbox: Sandbox, plan: Planned
) -> None:
    found = {one.name for one in statements(plan.resources(sandbox)) if unlimited(one)}
    assert found == set(UNLIMITED.get(plan.name, {}))


@pytest.mark.parametrize("plan", PLANS, ids=str)
def test_a_policy_of_aws_is_attached_for_a_reason(sandbox: Sandbox, plan: Planned) -> None:
    found = {name.removeprefix(MANAGED) for name in attached(plan.resources(sandbox))}
    assert found == set(ATTACHED.get(plan.name, {}))


@pytest.mark.parametrize("plan", PLANS, ids=str)
def test_a_service_acts_for_this_account_alone_or_has_a_reason(
    sandbox: Sandbox, plan: Planned
) -> None:
    found = {one.name for one in statements(plan.resources(sandbox)) if unbound(one)}
    assert found == set(UNBOUND.get(plan.name, {}))


@pytest.mark.parametrize("plan", PLANS, ids=str)
def test_what_would_allow_everything_by_default_has_a_policy(
    sandbox: Sandbox, plan: Planned
) -> None:
    open_to_all = [
        one["address"]
        for one in plan.resources(sandbox)
        if one["type"] in OF_THEIR_OWN and not is_set(one, "policy")
    ]
    assert open_to_all == []


@pytest.mark.parametrize("plan", PLANS, ids=str)
def test_a_policy_that_is_known_only_later_is_read_by_its_modules_tests(
    sandbox: Sandbox, plan: Planned
) -> None:
    known = AFTER.get(plan.name, {})
    assert set(told_only_after(plan.resources(sandbox))) == set(known)
    for module in known.values():
        text = "".join(file.read_text() for file in (MODULES / module / "tests").glob("*.hcl"))
        assert "policy).Statement" in text, f"{module}: its tests read no policy"


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


def test_a_right_without_end_is_found() -> None:
    policy = '{"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::one"}}'
    (found,) = statements([resource("aws_iam_role_policy", policy=policy)])
    assert unlimited(found)


def test_a_right_that_lies_deep_in_a_resource_is_found() -> None:
    policy = '{"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}'
    (found,) = statements([resource("aws_iam_role", inline_policy=[{"policy": policy}])])
    assert unlimited(found)


def test_a_policy_of_aws_is_found_where_it_is_attached() -> None:
    admin = f"{MANAGED}AdministratorAccess"
    assert list(attached([resource("aws_iam_role_policy_attachment", policy_arn=admin)])) == [admin]
    assert list(attached([resource("aws_iam_role", managed_policy_arns=[admin])])) == [admin]


def test_a_service_that_anybody_may_send_is_found() -> None:
    policy = '{"Statement": {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sqs:SendMessage"}}'
    (found,) = statements([resource("aws_sqs_queue_policy", policy=policy)])
    assert unbound(found)
