"""The certificate the gateway shows: for its names, for a year and a month, and written where nobody else reads it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID

from libs.clock import utc_now
from libs.security.certificates import VALID_DAYS, self_signed
from tests.architecture.applications import ROOT

NAMES = [
    "gateway.meridian.svc.cluster.local",
    "istio-ingressgateway.istio-ingress.svc.cluster.local",
]


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "libs.security", "certificate", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_it_is_for_its_names_and_signed_by_its_own_key() -> None:
    made = self_signed(NAMES)
    certificate = x509.load_pem_x509_certificate(made["certificate"].encode())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == NAMES
    key = serialization.load_pem_private_key(made["key"].encode(), password=None)
    assert key.public_key() == certificate.public_key()
    certificate.verify_directly_issued_by(certificate)
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert not constraints.ca, "nothing else is vouched for by it"


def test_it_is_valid_from_now_until_a_month_after_its_yearly_rotation() -> None:
    certificate = x509.load_pem_x509_certificate(self_signed(NAMES)["certificate"].encode())
    began, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    assert began < utc_now() < ends
    assert (ends - began).days == VALID_DAYS == 397


def test_every_one_has_a_key_of_its_own() -> None:
    assert self_signed(NAMES)["key"] != self_signed(NAMES)["key"]


def test_it_is_the_secret_of_the_store_as_it_is_and_only_its_maker_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "gateway.json"
    file.write_text("of last year")
    file.chmod(0o644)
    done = make(str(file), *NAMES)
    assert (done.returncode, done.stdout) == (0, "")
    assert set(json.loads(file.read_text())) == {"certificate", "key"}
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("names", [[], ["kein Wirt ü"]])
def test_what_is_no_host_is_refused_and_nothing_is_written(
    names: list[str], tmp_path: Path
) -> None:
    done = make(str(tmp_path / "gateway.json"), *names)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())
