from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bunter.execution.receipt import (
    Artifact,
    Intent,
    Opened,
    Output,
    Problem,
    Receipt,
    Resources,
    Shared,
    decode_line,
    encode_lines,
    gather,
)

digests = st.binary(min_size=16, max_size=16)
artifacts = st.builds(
    Artifact, st.text(), st.text(), st.text(), st.integers(0, 2**60), digests, digests, st.text(), st.integers(0, 9)
)
outputs = st.builds(Output, st.integers(0, 2**40), st.text(), st.text())
resources = st.builds(
    Resources,
    st.integers(0, 2**62),
    st.floats(0, 1e9),
    st.floats(0, 1e9),
    st.integers(0, 2**50),
    st.text(),
    st.integers(0, 2**22),
)
problems = st.builds(Problem, st.text(), st.text(), st.text(), st.booleans(), st.booleans())
receipts = st.builds(
    Receipt,
    st.integers(-9, 2**40),
    st.integers(0, 9),
    st.sampled_from(["succeeded", "no_work", "failed"]),
    st.integers(0, 9),
    st.lists(outputs, max_size=3).map(tuple),
    st.lists(artifacts, max_size=3).map(tuple),
    st.lists(st.integers(0, 99), max_size=3).map(tuple),
    st.none() | resources,
    st.none() | problems,
)
lines = st.one_of(
    receipts,
    st.builds(Intent, st.lists(st.text(), max_size=3).map(tuple)),
    st.builds(Shared, artifacts),
    st.builds(
        Opened,
        st.text(),
        st.text(),
        st.text(),
        st.integers(0, 9),
        st.integers(0, 2**62),
        st.text(),
        st.text(),
        st.integers(0, 9),
    ),
)


@given(st.lists(lines, max_size=5))
def test_journal_lines_come_back_as_they_were(written):
    encoded = encode_lines(written)
    assert [decode_line(one) for one in encoded] == written
    assert not any(b"\n" in one for one in encoded)


def artifact(name):
    return Artifact(name, f"run/{name}", "main", 1, b"", b"", "json", 1)


def success(quantum, attempt, *names):
    return Receipt(
        quantum,
        attempt,
        "succeeded",
        0,
        tuple(Output(quantum * 10 + i, n) for i, n in enumerate(names)),
        tuple(map(artifact, names)),
    )


def test_the_first_success_counts_and_what_a_second_one_published_is_an_orphan():
    first = [Intent(("run/a",)), success(1, 0, "a")]
    second = [Intent(("run/b", "run/c")), success(1, 1, "b")]
    told = gather([first, second])
    assert [receipt.attempt for receipt in told.receipts] == [0]
    assert told.orphans == ("run/b", "run/c")
    assert told.artifacts == {"a": artifact("a")}
    assert told.attempts == 2


def test_a_failure_counts_until_the_quantum_succeeds():
    failure = Receipt(1, 0, "failed", problem=Problem("ValueError", "no"))
    other = Receipt(2, 0, "failed", problem=Problem("ValueError", "no"))
    told = gather([[failure, other], [success(1, 1, "a")]])
    assert [receipt.quantum for receipt in told.failures] == [2]


def test_a_shared_artifact_is_kept_as_long_as_a_receipt_names_it():
    shared = Shared(artifact("s"))
    receipt = Receipt(1, 0, "succeeded", 0, (Output(10, "s", "0:5"),))
    assert gather([[Intent(("run/s",)), shared, receipt]]).orphans == ()
    assert gather([[Intent(("run/s",)), shared]]).orphans == ("run/s",)


@given(st.lists(st.lists(lines, max_size=6), max_size=4))
def test_every_quantum_has_one_receipt_and_every_output_its_artifact_or_none(journals):
    told = gather(journals)
    quanta = [receipt.quantum for receipt in told.receipts]
    assert len(quanta) == len(set(quanta))
    assert not {receipt.quantum for receipt in told.failures} & set(quanta)
    assert not {one.key for one in told.artifacts.values()} & set(told.orphans)
