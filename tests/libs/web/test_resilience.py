import pytest

from libs.web.resilience import CircuitBreaker, RetryBudget, full_jitter


class Hands:
    """A clock turned by hand."""

    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


def state_of(breaker: CircuitBreaker) -> str:
    """Read the state anew, which a type checker believes unchanged."""
    return breaker.state


def failing(breaker: CircuitBreaker, times: int) -> None:
    for _ in range(times):
        assert breaker.allow()
        breaker.record(healthy=False)


def test_few_failures_do_not_open_the_circuit() -> None:
    breaker = CircuitBreaker(smallest=8)
    failing(breaker, 7)
    assert state_of(breaker) == "closed"


def test_half_of_the_calls_failing_opens_it() -> None:
    breaker = CircuitBreaker(window=20, smallest=8)
    for _ in range(10):
        breaker.record(healthy=True)
    for _ in range(9):
        breaker.record(healthy=False)
    assert state_of(breaker) == "closed"
    breaker.record(healthy=False)
    assert state_of(breaker) == "open"
    assert not breaker.allow()


def test_after_a_while_one_probe_passes_and_its_success_closes_the_circuit() -> None:
    hands = Hands()
    breaker = CircuitBreaker(smallest=2, open_seconds=2.0, now=hands)
    failing(breaker, 2)
    assert breaker.seconds_until_probe() == pytest.approx(2.0)
    hands.time += 2.0
    assert state_of(breaker) == "half_open"
    assert breaker.allow()
    assert not breaker.allow(), "one probe at a time"
    breaker.record(healthy=True)
    assert state_of(breaker) == "closed"
    assert breaker.seconds_until_probe() == 0.0
    failing(breaker, 1)
    assert state_of(breaker) == "closed", "old failures are forgotten"


def test_a_failed_probe_opens_the_circuit_again() -> None:
    hands = Hands()
    breaker = CircuitBreaker(smallest=2, now=hands)
    failing(breaker, 2)
    hands.time += breaker.open_seconds
    assert breaker.allow()
    breaker.record(healthy=False)
    assert state_of(breaker) == "open"


def test_a_cancelled_probe_leaves_room_for_the_next() -> None:
    hands = Hands()
    breaker = CircuitBreaker(smallest=2, now=hands)
    failing(breaker, 2)
    hands.time += breaker.open_seconds
    assert breaker.allow()
    breaker.forget()
    assert breaker.allow()


def test_late_answers_of_calls_made_before_do_not_close_an_open_circuit() -> None:
    breaker = CircuitBreaker(smallest=2)
    failing(breaker, 2)
    breaker.record(healthy=True)
    assert state_of(breaker) == "open"


def test_retries_stay_within_a_tenth_of_the_calls() -> None:
    budget = RetryBudget(ratio=0.1, reserve=2.0)
    retries = 0
    for _ in range(1000):
        budget.deposit()
        retries += budget.withdraw()
    assert 100 <= retries <= 102


def test_a_long_quiet_time_saves_up_only_so_many_retries() -> None:
    budget = RetryBudget(capacity=10.0)
    for _ in range(10_000):
        budget.deposit()
    assert sum(budget.withdraw() for _ in range(100)) == 10


def test_pauses_are_spread_over_the_whole_interval() -> None:
    pauses = sorted(full_jitter(3, 0.1, 0.4) for _ in range(2000))
    assert pauses[0] >= 0.0
    assert pauses[-1] <= 0.4
    # Kolmogorov-Smirnov against the uniform distribution; p > 0.001, or one run in a hundred would fail for nothing.
    worst = max(abs(pause / 0.4 - (rank + 0.5) / 2000) for rank, pause in enumerate(pauses))
    assert worst < 1.95 / 2000**0.5
