"""What a command says of an environment that lacks something."""

import subprocess
import sys
from typing import Self

import pytest
from pydantic import model_validator
from pydantic_core import PydanticCustomError

from libs.settings import Settings, read_settings
from tests.architecture.applications import ROOT

COMMANDS = {
    "auth": ["create-admin", "--email", "ops@example.com"],
    "cart": ["checksum"],
    "order": ["audit"],
    "payment": ["reconcile"],
    "product": ["count"],
}
SECRET = "postgresql://hunter2"


@pytest.mark.parametrize(
    ("service", "environment", "missing"),
    [
        *((service, {}, "DATABASE_URL") for service in COMMANDS),
        *((service, {"DATABASE_URL": SECRET}, "REGION: ") for service in ("auth", "payment")),
    ],
)
def test_what_is_missing_is_named_in_a_line_and_no_secret_is(
    service: str, environment: dict[str, str], missing: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", f"services.{service}.cli", *COMMANDS[service]],
        cwd=ROOT,
        env={"PYTHONPATH": "."} | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert missing in done.stderr
    assert "Traceback" not in done.stderr
    assert "hunter2" not in done.stdout + done.stderr


class Pair(Settings):
    first: int = 1
    second: int = 2

    @model_validator(mode="after")
    def _equal(self) -> Self:
        if self.first != self.second:
            raise PydanticCustomError("unequal", "FIRST and SECOND have to be equal.")
        return self


def test_what_is_wrong_with_several_variables_together_has_no_name_before_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        read_settings(Pair)
    assert capsys.readouterr().err == "FIRST and SECOND have to be equal.\n"
