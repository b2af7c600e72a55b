"""Every refusal is one sentence that says what to do."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from libs.testing.servers import free_port
from local.__main__ import main
from local.checks import check_addresses, check_disk, check_ports
from local.paths import Paths
from local.python_version import check_python
from local.refusal import Refusal
from local.settings import ROOT, StackSettings, checked_parts, load_settings, service_overrides


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


def test_a_port_in_use_names_its_holder_and_the_way_out(taken: int) -> None:
    with pytest.raises(Refusal) as refused:
        check_ports({"order": taken})
    sentence = str(refused.value)
    assert f"Port {taken}, which order needs, is in use" in sentence
    assert psutil.Process().name() in sentence
    assert "set ORDER_PORT (or PORT_OFFSET" in sentence


def test_a_worker_port_is_moved_with_its_service(taken: int) -> None:
    with pytest.raises(Refusal, match="set ORDER_PORT"):
        check_ports({"order-worker": taken})


def test_two_parts_cannot_share_a_port() -> None:
    port = free_port()
    with pytest.raises(Refusal, match=f"cart and order both want port {port}"):
        check_ports({"order": port, "cart": port})


def test_free_ports_are_fine() -> None:
    check_ports({"order": free_port()})


def test_a_given_address_must_answer(taken: int) -> None:
    check_addresses({"REDIS_URL": f"redis://:pw@127.0.0.1:{taken}/0", "AWS_ENDPOINT_URL": None})
    nobody = free_port()
    with pytest.raises(Refusal, match=f"REDIS_URL in .env names 127.0.0.1:{nobody} and nothing"):
        check_addresses({"REDIS_URL": f"redis://:pw@127.0.0.1:{nobody}/0"})


def test_an_old_python_is_refused() -> None:
    check_python()
    with pytest.raises(Refusal, match=r"needs Python 3\.11 .* this is 3\.9"):
        check_python((3, 9))


def test_a_full_disk_is_refused(tmp_path: Path) -> None:
    check_disk(tmp_path, needed=1)
    with pytest.raises(Refusal, match="free some space"):
        check_disk(tmp_path, needed=2**62)


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(Refusal, match="make it writable or set MERIDIAN_HOME"):
        Paths(file / "home").create()


def test_env_file_replaces_parts_and_moves_ports(tmp_path: Path) -> None:
    env = tmp_path / ".env"
    env.write_text(
        "ADMIN_DATABASE_URL=postgresql://me@db/postgres\nREDIS_URL=redis://cache:6379/0\n"
        "AWS_ENDPOINT_URL=aws\nPORT_OFFSET=100\nORDER_PORT=9000\nEMPTY=\nOTLP_ENDPOINT=http://t:4318\n"
    )
    settings = load_settings(env)
    ports = checked_parts(settings, split=True)
    assert not {"postgres", "valkey", "ministack"} & ports.keys()
    assert ports["order"] == 9000
    assert ports["order-worker"] == 9050
    assert ports["auth"] == 8201
    assert settings.messaging_endpoint is None
    assert service_overrides(env) == {"OTLP_ENDPOINT": "http://t:4318"}


def test_a_proxy_before_the_emulator_replaces_its_address_but_not_the_emulator(
    tmp_path: Path,
) -> None:
    env = tmp_path / ".env"
    env.write_text("MESSAGING_PROXY_URL=http://127.0.0.1:14566\n")
    settings = load_settings(env)
    assert settings.messaging_endpoint == "http://127.0.0.1:14566"
    assert "ministack" in checked_parts(settings, split=False)


def test_without_env_file_everything_is_started(tmp_path: Path) -> None:
    settings = load_settings(tmp_path / "none")
    assert {"postgres", "valkey", "ministack", "gateway"} <= checked_parts(
        settings, split=False
    ).keys()
    assert settings.issuer == "http://localhost:8080"


@pytest.mark.parametrize("line", ["ORDER_PORT=many", "ORDER_PORT=70000", "PORT_OFFSET=-1"])
def test_a_wrong_value_is_named(tmp_path: Path, line: str) -> None:
    env = tmp_path / ".env"
    env.write_text(line)
    with pytest.raises(Refusal, match=line.partition("=")[0]):
        load_settings(env)


def test_an_unknown_verb_shows_the_verbs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fly"]) == 2
    assert "dead-letters" in capsys.readouterr().err


def test_a_refusal_is_one_line_and_status_1(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MERIDIAN_HOME", str(tmp_path / "home"))
    assert main(["status"]) == 1
    assert capsys.readouterr().err == "Meridian does not run here: start it with `make up`.\n"


def test_down_without_anything_running_is_fine(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MERIDIAN_HOME", str(tmp_path / "home"))
    assert main(["down"]) == 0
    assert capsys.readouterr().out == "Nothing was running.\n"


def test_reset_empties_the_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    paths = Paths(tmp_path / "home")
    paths.create()
    (paths.data / "book").write_text("x")
    (paths.home / "ministack").mkdir()
    monkeypatch.setenv("MERIDIAN_HOME", str(paths.home))
    assert main(["reset"]) == 0
    assert not paths.data.exists()
    assert not paths.secrets.exists()
    assert (paths.home / "ministack").exists()


def test_settings_know_every_port_variable() -> None:
    assert StackSettings(cart_port=1234).port("cart") == 1234


def test_up_with_a_taken_port_says_one_sentence_and_leaves_nothing(
    taken: int, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    done = subprocess.run(
        [sys.executable, "-m", "local", "up"],
        env={
            "MERIDIAN_HOME": str(home),
            "PORT_OFFSET": "23000",
            "GATEWAY_PORT": str(taken),
            "PATH": "/usr/bin:/bin",
        },
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"Port {taken}, which gateway needs, is in use")
    assert done.stderr.count("\n") == 1
    assert not (home / "data" / "postgres").exists()
