"""AppConfig's sessions, tokens and documents, on the emulator: nothing here is played."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from libs.aws import aws_session
from libs.flags.document import parse
from libs.flags.flags import Flag
from libs.flags.process import open_flags
from libs.flags.sources import AppConfigSource
from libs.ids import new_id
from libs.testing.plugin import SettingsFor
from libs.testing.settings import NOBODY_LISTENS
from libs.topology import MASTER_REGION

OPEN = Flag("checkout_open", default=True, description="Orders are taken")


@dataclass
class Profile:
    """A profile of feature flags, made and rolled out as modules/feature-flags does it, but at once."""

    control: Any
    data: Any
    application: str
    environment: str
    profile: str
    strategy: str

    def source(self) -> AppConfigSource:
        return AppConfigSource(self.data, self.application, self.environment, self.profile)

    async def roll_out(self, **states: bool) -> None:
        content = {
            "version": "1",
            "flags": {name: {"name": name} for name in states},
            "values": {name: {"enabled": on} for name, on in states.items()},
        }
        version = await self.control.create_hosted_configuration_version(
            ApplicationId=self.application,
            ConfigurationProfileId=self.profile,
            Content=json.dumps(content).encode(),
            ContentType="application/json",
        )
        await self.control.start_deployment(
            ApplicationId=self.application,
            EnvironmentId=self.environment,
            ConfigurationProfileId=self.profile,
            ConfigurationVersion=str(version["VersionNumber"]),
            DeploymentStrategyId=self.strategy,
        )


@pytest.fixture
async def profile(ministack: str) -> AsyncIterator[Profile]:
    session = aws_session(MASTER_REGION, ministack)
    async with (
        session.client("appconfig", endpoint_url=ministack) as control,
        session.client("appconfigdata", endpoint_url=ministack) as data,
    ):
        application = (await control.create_application(Name=new_id("app")))["Id"]
        environment = await control.create_environment(ApplicationId=application, Name="prod")
        made = await control.create_configuration_profile(
            ApplicationId=application,
            Name="flags",
            LocationUri="hosted",
            Type="AWS.AppConfig.FeatureFlags",
        )
        strategy = await control.create_deployment_strategy(
            Name=new_id("str"),
            DeploymentDurationInMinutes=0,
            GrowthFactor=100,
            FinalBakeTimeInMinutes=0,
            ReplicateTo="NONE",
        )
        yield Profile(control, data, application, environment["Id"], made["Id"], strategy["Id"])


async def test_a_session_hands_out_what_is_rolled_out_and_then_only_what_changed(
    profile: Profile,
) -> None:
    source = profile.source()
    assert await source.read() is None, "nothing was ever rolled out"
    await profile.roll_out(checkout_open=False, registration_open=True)
    told = await source.read()
    assert told is not None
    assert parse(told) == {"checkout_open": False, "registration_open": True}
    assert await source.read() is None
    await profile.roll_out(checkout_open=True)
    told = await source.read()
    assert told is not None
    assert parse(told) == {"checkout_open": True}


async def test_the_pause_is_the_one_appconfig_asks_for(profile: Profile) -> None:
    source = profile.source()
    source.pause_seconds = 0
    await source.read()
    assert source.pause_seconds == 30


async def test_a_refused_token_is_followed_by_a_new_session_with_the_whole_document(
    profile: Profile,
) -> None:
    await profile.roll_out(checkout_open=False)
    source = profile.source()
    first = await source.read()
    source._token = "of a session that is over"
    with pytest.raises(ClientError, match="BadRequestException"):
        await source.read()
    assert await source.read() == first
    assert await source.read() is None


async def test_names_lead_to_the_same_document_as_ids(
    profile: Profile, ministack: str, settings_for: SettingsFor
) -> None:
    await profile.roll_out(checkout_open=False)
    application = await profile.control.get_application(ApplicationId=profile.application)
    for whose, which in (
        (profile.application, f"{profile.environment}/{profile.profile}"),
        (application["Name"], "prod/flags"),
    ):
        settings = settings_for("order", flags=f"appconfig:{whose}/{which}")
        assert settings.aws_endpoint_url == ministack
        async with open_flags(settings) as flags:
            assert not flags.is_on(OPEN)


@pytest.mark.parametrize("endpoint", ["nobody", "no such profile"])
async def test_a_process_starts_while_appconfig_is_away_or_knows_no_such_profile(
    endpoint: str, ministack: str, settings_for: SettingsFor, caplog: pytest.LogCaptureFixture
) -> None:
    where = NOBODY_LISTENS if endpoint == "nobody" else ministack
    settings = settings_for("order", flags="appconfig:none/prod/flags", aws_endpoint_url=where)
    async with open_flags(settings) as flags:
        assert flags.is_on(OPEN)
    assert [one.getMessage() for one in caplog.records if "flags_not_read" in one.getMessage()]
