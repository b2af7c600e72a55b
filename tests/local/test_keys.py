"""Key material of the container stack: one folder per service, made once."""

import stat
from pathlib import Path

from libs.security.service_tokens import ServiceSigner, ServiceVerifier
from libs.topology import SERVICES
from local.keys import MASTER_KEY_FILE, main, place_keys


def test_each_service_finds_its_own_key_and_everybody_the_public_ones(tmp_path: Path) -> None:
    assert place_keys(tmp_path)
    bundle = tmp_path / "trust" / "trust-bundle.json"
    verifier = ServiceVerifier(bundle, "product")
    for service in SERVICES:
        assert [file.name for file in (tmp_path / service).iterdir()] == ["key.json"]
        key = tmp_path / service / "key.json"
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        assert verifier.verify(ServiceSigner(service, key).token_for("product")) == service
    assert '"d"' not in bundle.read_text()


def test_keys_are_kept_and_a_lost_one_makes_all_anew(tmp_path: Path) -> None:
    place_keys(tmp_path)
    before = (tmp_path / "order" / "key.json").read_text()
    assert not place_keys(tmp_path)
    assert (tmp_path / "order" / "key.json").read_text() == before
    (tmp_path / "cart" / "key.json").unlink()
    assert main([str(tmp_path)]) == 0
    assert (tmp_path / "order" / "key.json").read_text() != before
    signer = ServiceSigner("cart", tmp_path / "cart" / "key.json")
    verifier = ServiceVerifier(tmp_path / "trust" / "trust-bundle.json", "product")
    assert verifier.verify(signer.token_for("product")) == "cart"


def test_a_master_key_is_made_once_for_each_service_and_never_again(tmp_path: Path) -> None:
    files = [tmp_path / service / MASTER_KEY_FILE for service in SERVICES]
    assert main([str(tmp_path)]) == 0
    before = [file.read_text() for file in files]
    assert len(set(before)) == len(SERVICES)
    (tmp_path / "cart" / "key.json").unlink()  # what is encrypted must not be lost with it
    assert main([str(tmp_path)]) == 0
    assert [file.read_text() for file in files] == before
