from __future__ import annotations

import logging

from hypothesis import given, settings
from hypothesis import strategies as st

from bunter.execution.quantum_log import QuantumLog

log = logging.getLogger("bunter.task.test_log")
log.setLevel(logging.INFO)


def test_records_are_kept_as_plain_values_in_order():
    with QuantumLog("isr") as kept:
        log.info("one %d", 1)
        log.debug("too fine")
        log.warning("two")
    log.info("after")
    assert [(r["level"], r["message"], r["label"]) for r in kept.records()] == [
        ("INFO", "one 1", "isr"),
        ("WARNING", "two", "isr"),
    ]
    assert kept.text().count("\n") == 2


@settings(max_examples=100)
@given(st.lists(st.integers(0, 3000), max_size=60))
def test_a_long_log_keeps_head_and_tail_and_says_what_is_missing(sizes):
    limit = 10_000
    with QuantumLog("isr", limit=limit) as kept:
        for number, size in enumerate(sizes):
            log.info("%05d%s", number, "x" * size)
    records = kept.records()
    numbers = [
        int(r["message"][:5]) for r in records if "left out" not in r["message"][:40] or r["message"][:5].isdigit()
    ]
    gap = [r for r in records if r["message"].endswith("records left out")]
    assert sum(len(r["message"]) for r in records) <= limit + 5000
    if not gap:
        assert numbers == list(range(len(sizes)))
    else:
        assert int(gap[0]["message"].split()[0]) == len(sizes) - len(numbers)
        assert numbers[-1] == len(sizes) - 1


def test_a_message_that_cannot_be_made_does_not_fail_the_task(capsys):
    kept = QuantumLog("isr")
    for message, words in (("%d", ("not a number",)), ("good", ())):
        kept.handle(log.makeRecord(log.name, logging.INFO, "task.py", 1, message, words, None))
    assert [r["message"] for r in kept.records()] == ["good"]
    assert "Logging error" in capsys.readouterr().err
