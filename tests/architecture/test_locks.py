"""The locks: hashed, without addresses, and the same versions for running as for testing."""

import re

import pytest

from tests.architecture.applications import ROOT

LOCKS = (
    "requirements.lock",
    "requirements-dev.lock",
    "local/ministack.lock",
    "deploy/checks/tools.lock",
)
PIN = re.compile(r"^([a-z0-9._-]+(?:\[[a-z,]+\])?)==([^ ;]+)", re.MULTILINE)


def pins(lock: str) -> dict[str, str]:
    return dict(PIN.findall((ROOT / lock).read_text()))


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_a_hash_and_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert "http" not in re.sub(r"#.*|^[a-z0-9._-]+(\[[a-z,]+\])?==", "", text, flags=re.MULTILINE)
    blocks = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert blocks
    assert not [block.split()[0] for block in blocks if "--hash=sha256:" not in block]


def test_what_runs_is_what_was_tested() -> None:
    running, tested = pins("requirements.lock"), pins("requirements-dev.lock")
    assert {name: tested.get(name) for name in running} == running
