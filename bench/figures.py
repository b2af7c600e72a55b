"""What a few repeated measurements say: smallest, median, largest, and percentiles of many."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Self


@dataclass(frozen=True)
class Spread:
    """The smallest, the median and the largest of repeated measurements."""

    smallest: float
    middle: float
    largest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """Summarise measurements.

        Raises:
            ValueError: there are none.
        """
        if not values:
            raise ValueError("nothing was measured")
        return cls(min(values), median(values), max(values))


def ratios(measured: Sequence[float], yardstick: Sequence[float]) -> list[float]:
    """Divide each measurement by the yardstick taken right beside it, so that a slow moment hits both.

    Raises:
        ValueError: the two were not taken in pairs.
    """
    return [one / other for one, other in zip(measured, yardstick, strict=True)]


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest measurement that at least `percent` of all do not exceed (nearest rank).

    Raises:
        ValueError: there are no measurements, or `percent` is not above 0 and at most 100.
    """
    if not values:
        raise ValueError("nothing was measured")
    if not 0 < percent <= 100:  # noqa: PLR2004 - what percent means
        raise ValueError("a percentile lies above 0 and at most at 100")
    rank = math.ceil(percent / 100 * len(values))
    return sorted(values)[rank - 1]
