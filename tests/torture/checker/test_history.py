from pathlib import Path

import pytest

from torture.checker.history import paired, read_history
from torture.history import Recorder


def test_what_the_recorder_writes_is_what_the_checker_reads(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "history.jsonl")
    first = recorder.invoke("a", "place", {"key": "k"})
    second = recorder.invoke("b", "read", {"order_id": "ord"})
    recorder.complete(second, "b", "ok", "read", {"version": 1})
    recorder.complete(first, "a", "fail", "place", {"code": "out_of_stock"})
    recorder.close()
    place, read = read_history(tmp_path / "history.jsonl")
    assert (place.f, place.outcome, place.value, place.answer) == (
        "place",
        "fail",
        {"key": "k"},
        {"code": "out_of_stock"},
    )
    assert (read.outcome, read.answer) == ("ok", {"version": 1})
    assert place.start <= read.start <= read.end <= place.end


def test_a_request_without_an_end_is_unknown_for_ever(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "history.jsonl")
    recorder.invoke("a", "place", {"key": "k"})
    recorder.close()
    (lost,) = read_history(tmp_path / "history.jsonl")
    assert (lost.outcome, lost.end) == ("info", float("inf"))


def test_an_answer_without_its_request_is_no_history() -> None:
    with pytest.raises(ValueError, match="completes nothing"):
        paired([{"index": 3, "type": "ok", "of": 1, "value": {}, "time": 1}])
