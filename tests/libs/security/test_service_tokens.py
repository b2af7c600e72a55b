import json
import subprocess
import sys
from pathlib import Path

import pytest
from joserfc import jws
from joserfc.jwk import OKPKey

from libs.security.errors import ServiceTokenRequired
from libs.security.service_tokens import ServiceSigner, ServiceVerifier, generate_service_keys
from libs.topology import SERVICES
from tests.architecture.applications import ROOT
from tests.libs.security.issuer import NOW, Hand

ISSUED = int(NOW.timestamp())


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("keys")
    generate_service_keys(directory)
    return directory


def signed(
    keys: Path, header: dict[str, object] | None = None, signer: str = "order", /, **claims: object
) -> str:
    key = OKPKey.import_key(json.loads((keys / f"{signer}.key.json").read_text()))
    payload = {
        "iss": "order",
        "sub": "order",
        "aud": "product",
        "iat": ISSUED,
        "exp": ISSUED + 60,
        "jti": "1",
        **claims,
    }
    head: dict[str, object] = {"alg": "Ed25519", "typ": "service+jwt", "kid": "order"}
    return jws.serialize_compact(
        {**head, **(header or {})}, json.dumps(payload).encode(), key, algorithms=["Ed25519"]
    )


@pytest.mark.parametrize("callee", SERVICES)
@pytest.mark.parametrize("caller", SERVICES)
def test_every_service_is_recognised_by_its_callee_and_by_no_other(
    keys: Path, caller: str, callee: str
) -> None:
    token = ServiceSigner(caller, keys / f"{caller}.key.json").token_for(callee)

    for service in SERVICES:
        verifier = ServiceVerifier(keys / "trust-bundle.json", service)
        if service == callee:
            assert verifier.verify(token) == caller
        else:
            with pytest.raises(ServiceTokenRequired):
                verifier.verify(token)


def test_a_token_is_reused_for_half_its_life(keys: Path) -> None:
    ticks = 0.0
    signer = ServiceSigner("order", keys / "order.key.json", monotonic=lambda: ticks)
    first = signer.token_for("product")
    ticks = 29.0
    assert signer.token_for("product") == first
    assert signer.token_for("cart") != first
    ticks = 30.0
    assert signer.token_for("product") != first


def test_a_correct_token_ends_after_a_minute(keys: Path, hand: Hand) -> None:
    verifier = ServiceVerifier(keys / "trust-bundle.json", "product", hand)
    token = signed(keys)
    assert verifier.verify(token) == "order"

    hand.time = hand.time.replace(minute=1, second=6)
    with pytest.raises(ServiceTokenRequired):
        verifier.verify(token)


@pytest.mark.parametrize(
    ("header", "claims"),
    [
        ({"typ": "at+jwt"}, {}),
        ({"kid": "cart"}, {}),
        ({"kid": "cart"}, {"iss": "cart", "sub": "cart"}),
        ({"kid": "unknown"}, {"iss": "unknown", "sub": "unknown"}),
        ({}, {"iss": "cart"}),
        ({}, {"sub": "cart"}),
        ({}, {"aud": "cart"}),
        ({}, {"aud": ["product"]}),
        ({}, {"exp": ISSUED + 61}),
        ({}, {"exp": ISSUED - 6, "iat": ISSUED - 60}),
        ({}, {"iat": ISSUED + 30}),
        ({}, {"jti": ""}),
    ],
)
def test_tokens_that_prove_nothing_are_refused(
    keys: Path, hand: Hand, header: dict[str, object], claims: dict[str, object]
) -> None:
    verifier = ServiceVerifier(keys / "trust-bundle.json", "product", hand)

    with pytest.raises(ServiceTokenRequired) as refused:
        verifier.verify(signed(keys, header, **claims))
    assert refused.value.status == 401


def test_one_service_cannot_sign_as_another(keys: Path, hand: Hand) -> None:
    verifier = ServiceVerifier(keys / "trust-bundle.json", "product", hand)
    with pytest.raises(ServiceTokenRequired):
        verifier.verify(signed(keys, None, "cart"))


def test_generated_private_keys_are_private_and_kept(tmp_path: Path) -> None:
    generate_service_keys(tmp_path)
    before = {path.name: path.read_text() for path in tmp_path.iterdir()}
    generate_service_keys(tmp_path)

    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == before
    assert (tmp_path / "order.key.json").stat().st_mode & 0o077 == 0
    bundle = json.loads(before["trust-bundle.json"])["keys"]
    assert [entry["kid"] for entry in bundle] == list(SERVICES)
    assert all("d" not in entry for entry in bundle)


@pytest.mark.parametrize(
    "document",
    [
        "[]",
        "{}",
        '{"keys": []}',
        '{"keys": ["x"]}',
        '{"keys": [{"kty": "OKP"}]}',
        '{"keys": [{"kid": "order", "kty": "OKP", "crv": "X25519", "x": "AA"}]}',
        '{"keys": [{"kid": "order", "kty": "OKP", "crv": "Ed25519", "x": "AA", "d": "AA"}]}',
        '{"keys": [{"kid": "order", "kty": "OKP", "crv": "Ed25519"}]}',
    ],
)
def test_a_file_that_is_no_trust_bundle_stops_the_start(tmp_path: Path, document: str) -> None:
    path = tmp_path / "bundle.json"
    path.write_text(document)
    with pytest.raises(ValueError, match=r"bundle\.json|Ed25519"):
        ServiceVerifier(path, "order")


def test_another_services_key_stops_the_start(keys: Path) -> None:
    with pytest.raises(ValueError, match="no private key of cart"):
        ServiceSigner("cart", keys / "order.key.json")


def test_while_keys_are_rotated_the_old_and_the_new_are_trusted(keys: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "libs.security", "keys", str(tmp_path)]
    trusting = ["--trusting", str(keys / "trust-bundle.json")]
    subprocess.run([*command, *trusting], cwd=ROOT, check=True)
    both = ServiceVerifier(tmp_path / "trust-bundle.json", "product")
    old = ServiceSigner("order", keys / "order.key.json").token_for("product")
    new = ServiceSigner("order", tmp_path / "order.key.json").token_for("product")
    assert [both.verify(token) for token in (old, new)] == ["order", "order"]

    subprocess.run(command, cwd=ROOT, check=True)
    only_new = ServiceVerifier(tmp_path / "trust-bundle.json", "product")
    assert only_new.verify(new) == "order"
    with pytest.raises(ServiceTokenRequired):
        only_new.verify(old)
    with pytest.raises(ServiceTokenRequired):
        ServiceVerifier(keys / "trust-bundle.json", "product").verify(new)


@pytest.mark.parametrize("document", [None, "[]", '{"keys": [{"kid": "order", "d": "AA"}]}'])
def test_with_a_bundle_that_is_none_no_key_is_made(tmp_path: Path, document: str | None) -> None:
    bundle, folder = tmp_path / "bundle.json", tmp_path / "keys"
    if document is not None:
        bundle.write_text(document)
    command = [sys.executable, "-m", "libs.security", "keys", str(folder)]
    done = subprocess.run(
        [*command, "--trusting", str(bundle)], cwd=ROOT, check=False, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "nothing was made: " in done.stderr
    assert "Traceback" not in done.stderr
    assert not folder.exists()
