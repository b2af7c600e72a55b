"""The limit of concurrent requests: how it moves, and what counts."""

from libs.web.admission import AdaptiveLimit, Place, held, only_waiting

SLOW = 2.0
QUICK = 0.1


class Hands:
    """A clock turned by hand."""

    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


def limit_of(hands: Hands, most: int = 100) -> AdaptiveLimit:
    return AdaptiveLimit(1.0, fewest=4, most=most, now=hands)


def admitted(limit: AdaptiveLimit) -> Place:
    place = limit.admit()
    assert place is not None
    return place


def answered_after(limit: AdaptiveLimit, hands: Hands, seconds: float, requests: int = 1) -> None:
    places = [admitted(limit) for _ in range(requests)]
    hands.time += seconds
    for place in places:
        place.answered()


def sink(limit: AdaptiveLimit, hands: Hands) -> None:
    answered_after(limit, hands, SLOW, requests=5)
    assert limit.allowed == 4.0


def test_there_are_so_many_places_and_no_more() -> None:
    limit = limit_of(Hands(), most=2)
    first = admitted(limit)
    admitted(limit)
    assert limit.admit() is None
    first.leave()
    assert limit.admit() is not None


def test_a_slow_answer_takes_a_third_off_what_is_under_way_once_in_the_target_time() -> None:
    hands = Hands()
    limit = limit_of(hands)
    answered_after(limit, hands, 1.1, requests=10)
    assert limit.allowed == 7.0
    answered_after(limit, hands, 1.1, requests=7)
    assert round(limit.allowed, 1) == 4.9


def test_twice_as_slow_is_half_as_many() -> None:
    hands = Hands()
    limit = limit_of(hands)
    answered_after(limit, hands, SLOW, requests=40)
    assert limit.allowed == 20.0


def test_a_slow_answer_while_few_are_under_way_takes_nothing_off() -> None:
    hands = Hands()
    limit = limit_of(hands)
    answered_after(limit, hands, SLOW, requests=3)
    assert limit.allowed == 100.0


def test_there_are_never_fewer_places_than_the_fewest() -> None:
    hands = Hands()
    limit = limit_of(hands)
    sink(limit, hands)
    answered_after(limit, hands, SLOW, requests=4)
    assert limit.allowed == 4.0


def test_quick_answers_bring_places_back_little_by_little() -> None:
    hands = Hands()
    limit = limit_of(hands)
    sink(limit, hands)
    for _ in range(8):
        answered_after(limit, hands, QUICK, requests=4)
    assert 6.0 < limit.allowed < 12.0
    for _ in range(200):
        answered_after(limit, hands, QUICK, requests=int(limit.allowed))
    assert limit.allowed == 100.0


def test_places_nobody_needs_are_not_added() -> None:
    hands = Hands()
    limit = limit_of(hands)
    sink(limit, hands)
    for _ in range(100):
        answered_after(limit, hands, QUICK)
    assert limit.allowed == 4.0


def test_who_only_waits_holds_no_place_and_is_not_slow() -> None:
    hands = Hands()
    limit = limit_of(hands, most=1)
    place = admitted(limit)
    with held(place):
        with only_waiting():
            hands.time += SLOW
            answered_after(limit, hands, QUICK)
        assert limit.under_way == 1
        assert limit.admit() is None
        place.answered()
    assert (limit.under_way, limit.allowed) == (0, 1.0)


def test_who_comes_back_is_let_in_beyond_the_limit() -> None:
    limit = limit_of(Hands(), most=1)
    with held(admitted(limit)):
        with only_waiting():
            another = admitted(limit)
        assert limit.under_way == 2
        another.leave()
    assert limit.under_way == 0


def test_a_place_is_given_up_once() -> None:
    limit = limit_of(Hands())
    place = admitted(limit)
    place.answered()
    place.answered()
    place.leave()
    assert limit.under_way == 0
