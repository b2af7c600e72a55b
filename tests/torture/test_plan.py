from collections import Counter

from torture.faults import BUSY, SERVICES, Act
from torture.plan import Ending, Extent, Sending, make_plan

FULL = Extent(seed=11, checkouts=2_000, kills=50, clients=32)


def test_the_same_seed_gives_the_same_plan() -> None:
    assert make_plan(FULL, split=True) == make_plan(FULL, split=True)


def test_another_seed_gives_another_plan() -> None:
    other = make_plan(Extent(12, 2_000, 50, 32), split=True)
    plan = make_plan(FULL, split=True)
    assert plan.checkouts != other.checkouts
    assert plan.faults != other.faults


def test_a_full_run_kills_every_kind_of_process() -> None:
    faults = make_plan(FULL, split=True).faults
    killed = Counter(fault.target for fault in faults if fault.act is Act.KILL)
    processes = [*SERVICES, *(f"{name}-worker" for name in SERVICES), "gateway", "simulator"]
    assert set(processes) <= killed.keys()
    assert sum(killed[name] for name in processes) == 50
    assert killed["valkey"] == 5
    assert killed["ministack"] >= 4
    assert min(killed[name] for name in BUSY) > 1


def test_a_full_run_does_everything_else_as_well() -> None:
    acts = Counter(fault.act for fault in make_plan(FULL, split=True).faults)
    assert acts.keys() == set(Act)
    assert acts[Act.CRASH_BACKEND] + acts[Act.CRASH_SERVER] == 10
    assert acts[Act.PAUSE] == acts[Act.TERMINATE] == 5


def test_faults_come_in_order_and_leave_work_after_the_last() -> None:
    after = [fault.after for fault in make_plan(FULL, split=True).faults]
    assert after == sorted(after)
    assert after[0] > 0
    assert after[-1] < 0.95 * FULL.checkouts


def test_a_plan_without_kills_breaks_nothing() -> None:
    assert make_plan(Extent(1, 20, 0, 4), split=False).faults == ()


def test_customers_do_everything_customers_do() -> None:
    checkouts = make_plan(FULL, split=True).checkouts
    assert {checkout.sending for checkout in checkouts} == set(Sending)
    assert {checkout.ending for checkout in checkouts} == set(Ending)
    assert {len(checkout.lines) for checkout in checkouts} == {1, 2, 3}


def test_scarce_pieces_are_wanted_more_often_than_they_exist() -> None:
    plan = make_plan(FULL, split=True)
    wanted: Counter[str] = Counter()
    for checkout in plan.checkouts:
        for sku, quantity in checkout.lines:
            wanted[sku] += quantity
    for one in plan.skus:
        assert (wanted[one.sku] > one.pieces) == (one.kind == "scarce"), one
