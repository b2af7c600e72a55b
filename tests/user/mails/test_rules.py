import pytest

from services.user.domain.mails import (
    MOST_ATTEMPTS,
    pause_before_trying_again,
    reason_to_give_up,
)


def test_pauses_double_up_to_half_an_hour_and_last_two_hours_and_more() -> None:
    pauses = [pause_before_trying_again(attempt) for attempt in range(1, MOST_ATTEMPTS + 1)]
    assert pauses[:3] == [2, 4, 8]
    assert max(pauses) == 1800
    assert 2 * 3600 < sum(pauses) < 3 * 3600


@pytest.mark.parametrize(
    ("attempts", "doubts", "given_up"),
    [(1, 0, False), (MOST_ATTEMPTS, 1, False), (MOST_ATTEMPTS + 1, 0, True), (3, 2, True)],
)
def test_a_mail_is_given_up_after_two_doubts_or_all_attempts(
    attempts: int, doubts: int, *, given_up: bool
) -> None:
    assert (reason_to_give_up(attempts, doubts) is not None) is given_up
