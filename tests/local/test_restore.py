"""Which moments the database can be brought back to."""

import pytest

from local.backup.restore import restore
from local.refusal import Refusal


@pytest.mark.parametrize(
    ("moment", "why"),
    [
        ("2099-01-01T00:00:00Z", "has not come yet"),
        ("2026-01-31T12:00:00", "with its zone"),
        ("nonsense", "with its zone"),
    ],
)
def test_a_moment_nobody_can_go_back_to_is_refused_before_anything_is_touched(
    moment: str, why: str
) -> None:
    with pytest.raises(Refusal, match=why):
        restore(["--to", moment])
