"""What runbooks ask of AWS exists: the operation, its options, and all it cannot do without."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import botocore.session
import pytest
from botocore import xform_name
from typing_extensions import override

from tests.deploy.test_runbooks import COMMANDS

CALL: Final = re.compile(r"\baws ([a-z0-9-]+) ([a-z0-9-]+)((?: (?!\||&&|;)[^|;)]*)?)")
OPTION: Final = re.compile(r"(?<= )--(?:no-)?([a-z0-9-]+)")
OTHERWISE_CALLED: Final = {"s3api": "s3"}
"""Services that the command line names otherwise than its library."""
NO_OPERATION: Final = {("eks", "update-kubeconfig"), ("ecr", "get-login-password")}
"""What the command line does itself."""
OF_EVERY_COMMAND: Final = {"region", "query", "output"}

SESSION: Final = botocore.session.get_session()


@dataclass(frozen=True)
class Call:
    """One call of the AWS command line on a page."""

    page: str
    service: str
    operation: str
    options: frozenset[str]

    @override
    def __str__(self) -> str:
        return f"{self.page}: {self.service} {self.operation}"


def calls() -> Iterator[Call]:
    for command in COMMANDS:
        for service, operation, rest in CALL.findall(command.text):
            if (service, operation) not in NO_OPERATION:
                options = frozenset(OPTION.findall(rest)) - OF_EVERY_COMMAND
                yield Call(command.page, service, operation, options)


CALLS: Final = sorted(set(calls()), key=lambda call: (str(call), sorted(call.options)))


def test_there_are_calls_to_look_at() -> None:
    assert len(CALLS) > 20
    assert {"appconfig", "rds", "s3api"} <= {call.service for call in CALLS}


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_an_operation_of_aws_exists_and_is_given_what_it_needs(call: Call) -> None:
    model = SESSION.get_service_model(OTHERWISE_CALLED.get(call.service, call.service))
    operations = {xform_name(name, "-"): name for name in model.operation_names}
    assert call.operation in operations
    taken = model.operation_model(operations[call.operation]).input_shape
    assert taken is not None
    assert call.options <= {xform_name(name, "-") for name in taken.members}
    assert {xform_name(name, "-") for name in taken.required_members} <= call.options
