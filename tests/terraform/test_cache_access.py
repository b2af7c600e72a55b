"""The cache's users get the rights that libs/cache/access.py names, which are tried out in tests/libs/cache/test_access.py."""

from deploy.terraform.layout import Place
from libs.cache.access import access_string
from libs.topology import SERVICES
from tests.terraform.sandbox import Sandbox


def test_terraform_plans_the_rights_that_are_tried_out(sandbox: Sandbox) -> None:
    changes = sandbox.plan(Place("prod", "us-east-1", "data"))["resource_changes"]
    planned = {
        change["index"]: change["change"]["after"]["access_string"]
        for change in changes
        if change["type"] == "aws_elasticache_user"
    }
    assert planned == {service: access_string(service) for service in SERVICES}
