"""Secrets, logs and the catalogue file."""

import json
import stat
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from libs.topology import SERVICES
from local.credentials import load_credentials
from local.environments import Environments
from local.logs import rotate_logs, show_logs, trim_logs
from local.paths import Paths
from local.refusal import Refusal
from local.seed.generate import CATALOGUE_FILE, CATALOGUE_PRODUCTS, generated_lines
from local.settings import StackSettings
from local.summary import address_rows


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    made = Paths(tmp_path / "home")
    made.create()
    return made


def environments(paths: Paths, **overrides: str) -> Environments:
    settings = StackSettings(meridian_home=paths.home)
    return Environments(settings, paths, load_credentials(paths), overrides)


def test_secrets_are_made_once_and_private(paths: Paths) -> None:
    first = load_credentials(paths)
    assert load_credentials(paths) == first
    assert len(set(first.role_passwords.values())) == 3 * len(SERVICES)
    for file in paths.secrets.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(paths.secrets.stat().st_mode) == 0o700


def test_a_new_secret_joins_the_old_ones(paths: Paths) -> None:
    file = paths.secrets / "secrets.json"
    file.write_text(json.dumps({"signing": "kept", "role_passwords": {"order_app": "kept"}}))
    made = load_credentials(paths)
    assert made.signing == "kept"
    assert made.password_of("order", "app") == "kept"
    assert made.webhook


def test_damaged_secrets_are_not_overwritten(paths: Paths) -> None:
    (paths.secrets / "secrets.json").write_text("{")
    with pytest.raises(Refusal, match="is damaged"):
        load_credentials(paths)


def test_every_service_looks_behind_the_gateway_for_the_client(paths: Paths) -> None:
    made = environments(paths)
    for service in SERVICES:
        trusted = made.service(service, role="all", port=1)["TRUSTED_PROXIES"]
        assert ip_address("127.0.0.1") in ip_network(trusted), service


def test_a_service_gets_its_own_role_and_no_administrators_secret(paths: Paths) -> None:
    made = environments(paths, LOG_LEVEL="DEBUG")
    order = made.service("order", role="api", port=1)
    secrets = made.credentials
    assert "shop_order_app" in order["DATABASE_URL"]
    assert order["LOG_LEVEL"] == "DEBUG"
    others = [secrets.postgres, secrets.admin_password, secrets.webhook, secrets.encryption]
    others += [
        word for name, word in secrets.role_passwords.items() if not name.startswith("order_")
    ]
    others.append(secrets.role_passwords["order_migrator"])
    assert not [word for word in others if word in " ".join(order.values())]


def test_the_address_mails_come_from_is_the_one_made_known_to_the_emulator(paths: Paths) -> None:
    for made in (environments(paths), environments(paths, MAIL_FROM="me@own.example")):
        sender = made.service("user", role="worker", port=1)["MAIL_FROM"]
        assert made.mail_tools()["MAIL_FROM"] == sender


def test_own_addresses_are_used(paths: Paths) -> None:
    settings = StackSettings(
        admin_database_url="postgresql://me:pw@db:5432/postgres?sslmode=require",
        redis_url="rediss://cache/0",
        aws_endpoint_url="aws",
    )
    made = Environments(settings, paths, load_credentials(paths), {})
    order = made.service("order", role="all", port=1)
    assert "@db:5432/meridian?sslmode=require" in order["DATABASE_URL"]
    assert order["REDIS_URL"] == "rediss://cache/0"
    assert "AWS_ENDPOINT_URL" not in order
    assert not [row for row in address_rows(settings, paths) if row[0] == "PostgreSQL"]


def test_logs_are_merged_by_time_and_filtered(
    paths: Paths, capsys: pytest.CaptureFixture[str]
) -> None:
    def line(second: int, event: str) -> str:
        return json.dumps({"timestamp": f"2026-01-01T00:00:0{second}Z", "event": event}) + "\n"

    paths.log_of("order").write_text(line(1, "first") + "traceback\n" + line(3, "third"))
    paths.log_of("cart").write_text(line(2, "second"))
    show_logs(paths, service=None, follow=False, count=10)
    words = [row.split()[-1] for row in capsys.readouterr().out.splitlines()]
    assert words == ["first", "traceback", "second", "third"]
    show_logs(paths, service="cart", follow=False, count=10)
    assert capsys.readouterr().out.count("\n") == 1
    with pytest.raises(Refusal, match="There is no log of nobody; there are cart, order"):
        show_logs(paths, service="nobody", follow=False, count=1)


def test_logs_start_over_and_do_not_grow_for_ever(paths: Paths) -> None:
    log = paths.log_of("order")
    log.write_text("old")
    rotate_logs(paths)
    assert not log.exists()
    assert (paths.logs / "order.log.1").read_text() == "old"
    with log.open("a") as writer:
        writer.write("x" * 100)
        writer.flush()
        trim_logs(paths, kept=10)
        writer.write("y")
    assert log.read_text() == "y"


def test_the_catalogue_file_is_what_the_words_make() -> None:
    checked_in = [json.loads(line) for line in CATALOGUE_FILE.read_text().splitlines()]
    assert checked_in == list(generated_lines(CATALOGUE_PRODUCTS))


def test_the_catalogue_is_large_and_plausible() -> None:
    lines = [json.loads(line) for line in CATALOGUE_FILE.read_text().splitlines()]
    categories = [line["category"] for line in lines if "category" in line]
    products = [line["product"] for line in lines if "product" in line]
    leaves = {product["category"] for product in products}
    assert len(products) >= 200
    assert len(leaves) >= 12
    assert leaves <= {category["slug"] for category in categories}
    variants = [variant for product in products for variant in product["variants"]]
    for variant in variants:
        assert set(variant["prices"]) == {"USD", "EUR", "INR"}
        assert all(price > 0 for price in variant["prices"].values())
    assert any(variant["stock"] == 0 for variant in variants)


def test_a_large_catalogue_has_no_doubles() -> None:
    products = [line["product"] for line in generated_lines(20_000) if "product" in line]
    skus = [variant["sku"] for product in products for variant in product["variants"]]
    assert len({product["slug"] for product in products}) == 20_000
    assert len(set(skus)) == len(skus)
