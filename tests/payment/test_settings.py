"""Each provider needs its own addresses and secrets, and says at start which one is missing."""

import pytest
from pydantic import ValidationError

from libs.testing.plugin import SettingsFor
from services.payment.settings import PaymentSettings


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"payment_provider": "stripe"}, "STRIPE_API_KEY and STRIPE_WEBHOOK_SECRET"),
        ({"payment_provider": "stripe", "stripe_api_key": "sk"}, "STRIPE_WEBHOOK_SECRET"),
        ({"provider_api_key": None}, "PROVIDER_API_KEY"),
        ({"webhook_secret": ""}, "WEBHOOK_SECRET"),
    ],
)
def test_a_missing_secret_is_one_clear_sentence(
    settings_for: SettingsFor, given: dict[str, object], missing: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        settings_for("payment", **given)
    [problem] = refused.value.errors()
    provider = given.get("payment_provider", "simulator")
    assert problem["msg"] == f"PAYMENT_PROVIDER={provider} also needs {missing}."


def test_stripe_needs_nothing_of_the_simulators(settings_for: SettingsFor) -> None:
    settings = settings_for(
        "payment",
        payment_provider="stripe",
        stripe_api_key="sk",
        stripe_webhook_secret="whsec",
        provider_base_url=None,
        provider_api_key=None,
        webhook_secret=None,
    )
    assert isinstance(settings, PaymentSettings)
    assert settings.webhook_secrets("stripe") == ["whsec"]
    assert settings.webhook_secrets("simulator") == []
