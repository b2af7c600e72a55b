import pytest

from bench.figures import Spread, percentile, ratios


def test_a_spread_names_smallest_median_and_largest() -> None:
    assert Spread.of([5.0, 1.0, 3.0]) == Spread(1.0, 3.0, 5.0)


def test_the_median_of_an_even_count_lies_between_the_middle_two() -> None:
    assert Spread.of([1.0, 2.0, 4.0, 9.0]).middle == 3.0


def test_ratios_pair_each_measurement_with_the_one_beside_it() -> None:
    assert ratios([10.0, 30.0], [20.0, 40.0]) == [0.5, 0.75]


def test_measurements_without_their_yardstick_have_no_ratio() -> None:
    with pytest.raises(ValueError, match="zip"):
        ratios([10.0, 30.0], [20.0])


@pytest.mark.parametrize(
    ("percent", "expected"), [(1, 1.0), (50, 50.0), (99, 99.0), (99.5, 100.0), (100, 100.0)]
)
def test_a_percentile_is_a_measurement_that_many_do_not_exceed(
    percent: float, expected: float
) -> None:
    assert percentile([float(n) for n in range(100, 0, -1)], percent) == expected


@pytest.mark.parametrize("percent", [0, -1, 101])
def test_a_percentile_outside_0_to_100_is_refused(percent: float) -> None:
    with pytest.raises(ValueError, match="percentile"):
        percentile([1.0], percent)


def test_nothing_measured_is_an_error_not_a_zero() -> None:
    with pytest.raises(ValueError, match="nothing was measured"):
        Spread.of([])
    with pytest.raises(ValueError, match="nothing was measured"):
        percentile([], 50)
