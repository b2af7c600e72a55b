"""However stuck the parts are, stopping them tier by tier takes ten seconds at most."""

import sys
from pathlib import Path

import pytest

from local.credentials import load_credentials
from local.environments import Environments
from local.gateway import gateway_part
from local.parts import ministack_part, service_parts, simulator_part, valkey_part
from local.paths import Paths
from local.postgres import postgres_part
from local.settings import StackSettings


@pytest.mark.parametrize("split", [False, True])
def test_the_longest_stop_of_every_tier_adds_up_to_ten_seconds(
    tmp_path: Path, *, split: bool
) -> None:
    paths = Paths(tmp_path / "home")
    paths.create()
    settings = StackSettings(meridian_home=paths.home, ministack_python=Path(sys.executable))
    environments = Environments(settings, paths, load_credentials(paths), {})
    data = [
        postgres_part(settings, paths, "unused"),
        valkey_part(environments),
        ministack_part(environments),
        simulator_part(environments),
    ]
    tiers = [
        [gateway_part(settings, paths, tmp_path / "envoy.json")],
        list(service_parts(environments, split=split)),
        data,
    ]
    assert sum(max(part.stop_seconds for part in tier) for tier in tiers) <= 10
