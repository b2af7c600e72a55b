from services.order.service.allowance import Allowance


def test_a_burst_is_allowed_and_then_so_many_a_second() -> None:
    now = 0.0
    allowance = Allowance(per_second=2.0, burst=3.0, monotonic=lambda: now)
    assert allowance.take(3)
    assert not allowance.take(1)
    now = 0.5
    assert allowance.take(1)
    assert not allowance.take(1)
    now = 1000.0
    assert not allowance.take(4)
    assert allowance.take(3)
