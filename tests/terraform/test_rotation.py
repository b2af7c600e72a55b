"""The rotation of the cache's passwords: nobody is cut off, a repeated step changes nothing, the archive is the source."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import boto3  # type: ignore[import-untyped]  # published without types
import pytest
from moto import mock_aws

from deploy.terraform.rotation.__main__ import ARCHIVE, packed
from deploy.terraform.rotation.function import NotReady, Rotation

ADDRESS = "clustercfg.example.com:6379"
USER = "meridian-prod-us-east-1-order"


class Users:
    """ElastiCache as far as the function uses it: one user, which is being changed for a while after each change."""

    def __init__(self) -> None:
        self.passwords: list[str] = []
        self.kind = "iam"
        self.busy = 0

    def describe_users(self, **_: object) -> dict[str, Any]:
        self.busy -= 1
        status = "modifying" if self.busy > 0 else "active"
        return {"Users": [{"Status": status, "Authentication": {"Type": self.kind}}]}

    def modify_user(self, *, UserId: str, AuthenticationMode: dict[str, Any]) -> None:  # noqa: N803 - AWS's names
        assert UserId == USER
        assert self.busy <= 0, "a user that is being changed cannot be changed"
        self.kind, self.passwords = AuthenticationMode["Type"], AuthenticationMode["Passwords"]
        self.busy = 3


@pytest.fixture
def secrets_manager() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client(
            "secretsmanager",
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        client.create_secret(
            Name="order/settings", SecretString=json.dumps({"DATABASE_URL": "postgresql://x"})
        )
        yield client


def rotation(secrets_manager: Any, users: Users, number: int) -> Rotation:
    version = f"00000000-0000-4000-8000-{number:012d}"
    return Rotation(
        secrets_manager, users, "order/settings", version, USER, ADDRESS, pause=lambda _: None
    )


def rotate(one: Rotation) -> None:
    for step in (one.create, one.set, one.test, one.finish):
        step()
        step()  # Secrets Manager repeats a step that was cut off


def current(secrets_manager: Any) -> dict[str, str]:
    value: dict[str, str] = json.loads(
        secrets_manager.get_secret_value(SecretId="order/settings", VersionStage="AWSCURRENT")[
            "SecretString"
        ]
    )
    return value


def test_the_first_rotation_makes_the_first_password(secrets_manager: Any) -> None:
    users = Users()
    rotate(rotation(secrets_manager, users, 1))
    url = urlsplit(current(secrets_manager)["REDIS_URL"])
    assert (url.scheme, url.username, url.netloc.rpartition("@")[2]) == (
        "rediss+cluster",
        USER,
        ADDRESS,
    )
    assert users.passwords == [url.password]
    assert 16 <= len(url.password or "") <= 128


def test_what_else_is_in_the_secret_stays(secrets_manager: Any) -> None:
    rotate(rotation(secrets_manager, Users(), 1))
    assert current(secrets_manager)["DATABASE_URL"] == "postgresql://x"


def test_the_password_in_use_is_valid_until_the_next_rotation(secrets_manager: Any) -> None:
    users, seen = Users(), []
    for number in (1, 2, 3):
        rotate(rotation(secrets_manager, users, number))
        seen.append(urlsplit(current(secrets_manager)["REDIS_URL"]).password)
    assert len(set(seen)) == 3
    assert users.passwords == [seen[2], seen[1]]


def test_pods_read_the_old_secret_until_the_new_password_is_valid(secrets_manager: Any) -> None:
    users = Users()
    rotate(rotation(secrets_manager, users, 1))
    before = current(secrets_manager)
    second = rotation(secrets_manager, users, 2)
    second.create()
    second.set()
    second.test()
    assert current(secrets_manager) == before
    second.finish()
    assert current(secrets_manager) != before


def test_a_secret_without_a_value_is_begun_and_one_with_a_value_is_left_alone(
    secrets_manager: Any,
) -> None:
    secrets_manager.create_secret(Name="cart/settings")
    begun = Rotation(secrets_manager, Users(), "cart/settings", "", USER, ADDRESS)
    begun.begin()
    assert secrets_manager.get_secret_value(SecretId="cart/settings")["SecretString"] == "{}"
    rotation(secrets_manager, Users(), 1).begin()
    assert current(secrets_manager) == {"DATABASE_URL": "postgresql://x"}


def test_a_user_that_has_no_password_fails_the_test(secrets_manager: Any) -> None:
    one = rotation(secrets_manager, Users(), 1)
    one.create()
    with pytest.raises(NotReady, match="rotate the secret again"):
        one.test()


def test_a_user_that_is_changed_for_too_long_is_left_for_later(secrets_manager: Any) -> None:
    users = Users()
    users.busy = 1_000
    one = rotation(secrets_manager, users, 1)
    one.create()
    with pytest.raises(NotReady, match="again later"):
        one.set()


def test_the_archive_holds_the_source() -> None:
    assert ARCHIVE.read_bytes() == packed(), "run python -m deploy.terraform.rotation"
