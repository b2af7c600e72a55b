"""Every module and stack is formatted, valid, documented, and its own tests pass with a mocked provider."""

import re
from pathlib import Path

import pytest

from deploy.terraform import costs
from deploy.terraform.blocks import blocks_in
from deploy.terraform.drive import SECRET
from deploy.terraform.layout import Layout
from deploy.terraform.readmes import purpose_of, stale
from tests.terraform.sandbox import Sandbox

LAYOUT = Layout()
MODULES = [module.name for module in LAYOUT.modules()]
STACKS = LAYOUT.stacks()
READ_BY_PLANS = re.compile(
    r'^resource "(aws_secretsmanager_secret_version|aws_ssm_parameter)"', re.MULTILINE
)
"""Resources whose refresh fetches a secret's value, which the pipeline's role for planning may not."""
DATA = re.compile(r'^data "(\w+)" "\w+" \{\n(.*?)^\}', re.MULTILINE | re.DOTALL)
FILES = {"main.tf", "variables.tf", "outputs.tf", "versions.tf", "README.md"}


def test_everything_is_formatted(sandbox: Sandbox) -> None:
    tree = sandbox.layout.terraform
    assert sandbox.run(tree, "fmt", "-check", "-recursive", allowed=(0, 3)) == "", (
        "run terraform fmt"
    )


@pytest.mark.parametrize("name", MODULES)
def test_a_modules_tests_pass(sandbox: Sandbox, name: str) -> None:
    module = sandbox.layout.terraform / "modules" / name
    sandbox.initialise(module)
    assert "0 failed" in sandbox.run(module, "test", "-no-color")


@pytest.mark.parametrize("stack", STACKS)
def test_a_stack_is_valid_with_all_that_it_calls(sandbox: Sandbox, stack: str) -> None:
    folder = sandbox.layout.folder_of(stack)
    sandbox.initialise(folder)
    sandbox.run(folder, "validate")


@pytest.mark.parametrize("name", MODULES)
def test_a_module_has_its_files_and_tests(name: str) -> None:
    module = LAYOUT.terraform / "modules" / name
    assert {path.name for path in module.iterdir()} >= FILES
    assert list(module.glob("tests/*.tftest.hcl")), f"{name} has no tests"
    assert purpose_of(module), f"{name}/main.tf does not begin with a comment on its purpose"


@pytest.mark.parametrize("name", MODULES)
def test_a_modules_variables_and_outputs_are_typed_and_described(name: str) -> None:
    module = LAYOUT.terraform / "modules" / name
    variables, outputs = blocks_in(module, "variable"), blocks_in(module, "output")
    assert all("type" in variable.attributes for variable in variables)
    undescribed = [block.name for block in (*variables, *outputs) if not block.description]
    assert not undescribed, f"{name}: say what these are: {undescribed}"


def test_the_modules_documents_are_current() -> None:
    assert [module.name for module in stale(LAYOUT)] == [], "run make tf-docs"


def test_the_table_of_costs_is_current() -> None:
    assert costs.DOCUMENT.read_text() == costs.document(LAYOUT), "run make tf-docs"


@pytest.mark.parametrize("stack", STACKS)
def test_a_stack_pins_the_one_provider_exactly(stack: str) -> None:
    folder = LAYOUT.folder_of(stack)
    lock = (folder / ".terraform.lock.hcl").read_text()
    assert lock.count("provider ") == 1
    assert 'provider "registry.terraform.io/hashicorp/aws"' in lock
    assert 'version     = "5.100.0"' in lock
    assert 'constraints = "5.100.0' in lock or '5.100.0"' in (folder / "versions.tf").read_text()


@pytest.mark.parametrize("stack", STACKS)
def test_a_stack_has_one_output_of_its_own_name_and_one_for_secrets_at_most(stack: str) -> None:
    outputs = {output.name: output for output in blocks_in(LAYOUT.folder_of(stack), "output")}
    assert outputs.keys() - {SECRET} == {stack}
    sensitive = [one.name for one in outputs.values() if "sensitive" in one.attributes]
    assert sensitive == [SECRET] * (SECRET in outputs), "people are shown the stack's own output"


def test_no_plan_of_the_pipeline_has_to_read_a_secrets_value() -> None:
    files = [
        *LAYOUT.terraform.glob("modules/**/*.tf"),
        *LAYOUT.terraform.glob("stacks/region/**/*.tf"),
    ]
    assert files
    assert [file for file in files if READ_BY_PLANS.search(file.read_text())] == []


@pytest.mark.parametrize(
    "file", sorted(LAYOUT.terraform.rglob("*.tf")), ids=lambda f: f.parent.name
)
def test_no_file_reads_another_state_or_asks_aws_without_an_account(file: Path) -> None:
    """What only AWS knows may be asked where there is AWS: a plan without an account asks nothing."""
    computed = ("aws_iam_policy_document", "aws_partition")
    asking = [
        name
        for name, body in DATA.findall(file.read_text())
        if name not in computed and "for_each = var.emulator_endpoint == null ?" not in body
    ]
    assert not asking, f"{file}: a data source makes plans need an account: {asking}"
