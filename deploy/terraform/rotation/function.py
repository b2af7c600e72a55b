"""Gives each service a new password for the cache; AWS Secrets Manager calls it, in four steps per secret.

A user of ElastiCache holds two passwords. The new one is added beside the one in use, so a pod goes on with the old one until
it is restarted with the new secret; the next rotation, a month later, drops it. No password is known to Terraform:
a user begins without any, and the first rotation, at its creation, makes the first. Secrets Manager rotates no secret
that has no value at all, so Terraform has this function begin each: then no value passes through a plan, and whoever plans
need not be able to read one.

It runs alone in AWS Lambda, from an archive with this one file: boto3 is there, Meridian's libraries are not.
"""

import json
import os
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import boto3  # type: ignore[import-untyped]  # published without types

KEY: Final = "REDIS_URL"
SCHEME: Final = "rediss+cluster"
"""ElastiCache is made in cluster mode; a client of one server would be sent from shard to shard (MOVED)."""
PASSWORD_BYTES: Final = 48
"""64 characters of URL-safe text; ElastiCache takes 16 to 128."""

_ATTEMPTS: Final = 30
_PAUSE_SECONDS: Final = 2.0


class NotReady(Exception):
    """The step cannot be done now; Secrets Manager calls again."""


@dataclass(frozen=True)
class Rotation:
    """The beginning and the four steps for one secret: `settings` of a service, a JSON object that holds REDIS_URL among others.

    `secrets_manager` and `elasticache` are boto3 clients, which have no types. `address` is host and port of the cache.
    """

    secrets_manager: Any
    elasticache: Any
    secret: str
    version: str
    user: str
    address: str
    pause: Callable[[float], None] = time.sleep

    def begin(self) -> None:
        """Give a secret without any value an empty one, once."""
        if self._value("AWSCURRENT") is None:
            self.secrets_manager.put_secret_value(SecretId=self.secret, SecretString="{}")

    def create(self) -> None:
        """Write the secret with a new password as the pending version, once."""
        if self._value("AWSPENDING", self.version) is not None:
            return
        url = f"{SCHEME}://{self.user}:{secrets.token_urlsafe(PASSWORD_BYTES)}@{self.address}"
        self.secrets_manager.put_secret_value(
            SecretId=self.secret,
            ClientRequestToken=self.version,
            SecretString=json.dumps({**(self._value("AWSCURRENT") or {}), KEY: url}),
            VersionStages=["AWSPENDING"],
        )

    def set(self) -> None:
        """Let the user in with the pending password, and still with the current one."""
        pending = _password(self._pending())
        current = _password(self._value("AWSCURRENT") or {})
        passwords = [one for one in dict.fromkeys((pending, current)) if one]
        self._wait_until_active()
        self.elasticache.modify_user(
            UserId=self.user,
            AuthenticationMode={"Type": "password", "Passwords": passwords},
        )
        self._wait_until_active()

    def test(self) -> None:
        """Check that ElastiCache has taken the password.

        Raises:
            NotReady: the user has none.
        """
        user = self._wait_until_active()
        if user["Authentication"]["Type"] != "password":
            raise NotReady(f"{self.user} has no password yet; rotate the secret again")

    def finish(self) -> None:
        """Make the pending version the current one; pods get it within External Secrets' interval."""
        stages = self.secrets_manager.describe_secret(SecretId=self.secret)["VersionIdsToStages"]
        current = next((version for version, of in stages.items() if "AWSCURRENT" in of), None)
        if current == self.version:
            return
        self.secrets_manager.update_secret_version_stage(
            SecretId=self.secret,
            VersionStage="AWSCURRENT",
            MoveToVersionId=self.version,
            **({} if current is None else {"RemoveFromVersionId": current}),
        )

    def _pending(self) -> Mapping[str, str]:
        value = self._value("AWSPENDING", self.version)
        if value is None:
            raise NotReady(f"{self.secret} has no pending version {self.version}: rotate it again")
        return value

    def _value(self, stage: str, version: str | None = None) -> dict[str, str] | None:
        named = {} if version is None else {"VersionId": version}
        try:
            answer = self.secrets_manager.get_secret_value(
                SecretId=self.secret, VersionStage=stage, **named
            )
        except self.secrets_manager.exceptions.ResourceNotFoundException:
            return None
        value: dict[str, str] = json.loads(answer["SecretString"])
        return value

    def _wait_until_active(self) -> Mapping[str, Any]:
        for _ in range(_ATTEMPTS):
            user: Mapping[str, Any] = self.elasticache.describe_users(UserId=self.user)["Users"][0]
            if user["Status"] == "active":
                return user
            self.pause(_PAUSE_SECONDS)
        raise NotReady(f"{self.user} is being changed for too long; rotate the secret again later")


def _password(value: Mapping[str, str]) -> str | None:
    return urlsplit(value.get(KEY, "")).password


def handler(event: Mapping[str, str], _context: object) -> None:
    """Do one step of one secret's rotation, as AWS Lambda's entry.

    Raises:
        KeyError: the secret is none of those this function was given.
        NotReady: the step cannot be done now.
    """
    users: Mapping[str, str] = json.loads(os.environ["USERS"])  # noqa: TID251 - no settings class in Lambda
    rotation = Rotation(
        boto3.client("secretsmanager"),
        boto3.client("elasticache"),
        secret=event["SecretId"],
        version=event.get("ClientRequestToken", ""),
        user=users[event["SecretId"]],
        address=os.environ["ADDRESS"],  # noqa: TID251 - as above
    )
    steps = {
        "begin": rotation.begin,
        "createSecret": rotation.create,
        "setSecret": rotation.set,
        "testSecret": rotation.test,
        "finishSecret": rotation.finish,
    }
    steps[event["Step"]]()
