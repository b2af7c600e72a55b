import pytest

from bench.pgbench import PgbenchFailed, transactions_per_second

OUTPUT = """\
number of transactions actually processed: 1532
number of failed transactions: {failed} (0.000%)
latency average = 20.871 ms
tps = 383.311042 (without initial connection time)
"""


def test_the_rate_is_read_from_what_pgbench_prints() -> None:
    assert transactions_per_second(OUTPUT.format(failed=0)) == 383.311042


@pytest.mark.parametrize("output", [OUTPUT.format(failed=3), "pgbench (18.6)\n"])
def test_failed_transactions_or_no_rate_fail_the_run(output: str) -> None:
    with pytest.raises(PgbenchFailed):
        transactions_per_second(output)
