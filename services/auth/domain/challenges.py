"""What is to be answered once, and by whom."""

from enum import StrEnum


class ChallengePurpose(StrEnum):
    """Why something waits for an answer."""

    SECOND_STEP = "second_step"
    """The password was right; the token is all the client has until the second factor is."""
    PASSKEY_REGISTRATION = "passkey_registration"
    PASSKEY_LOGIN = "passkey_login"
    """Nobody is known yet: the passkey says who it is."""
    PASSKEY_PROOF = "passkey_proof"
    """The person is known: a second step, or a step-up."""
