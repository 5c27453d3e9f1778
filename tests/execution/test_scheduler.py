from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bunter.execution.scheduler import Scheduler
from bunter.execution.scheduling import Assignment, Committed, Failed, Finished, Lost, Returned, State, Stopped, Undone


def edges(*pairs):
    parents, children = zip(*pairs, strict=True) if pairs else ((), ())
    return np.array(parents, dtype=np.int32), np.array(children, dtype=np.int32)


def order(scheduler):
    ran = []
    while taken := scheduler.take():
        ran.append(taken[0].quantum)
        scheduler.tell(Finished(taken[0].quantum))
    return ran


def test_the_longest_remaining_path_goes_first():
    scheduler = Scheduler(5, edges((2, 3), (3, 4)))
    assert order(scheduler) == [2, 3, 0, 1, 4]


def test_a_child_may_begin_when_its_parents_have_finished_but_is_told_of_only_when_they_are_committed():
    scheduler = Scheduler(2, edges((0, 1)))
    assert [a.quantum for a in scheduler.take(2)] == [0]
    scheduler.tell(Finished(0))
    assert [a.quantum for a in scheduler.take(2)] == [1]
    assert scheduler.count(State.SUCCEEDED) == 0
    assert scheduler.tell(Committed((0,))) == [0]
    assert scheduler.state(0) is State.SUCCEEDED


def test_a_failure_blocks_all_descendants_and_names_the_root():
    scheduler = Scheduler(4, edges((0, 1), (1, 2)))
    scheduler.take(1)
    assert sorted(scheduler.tell(Failed(0))) == [0, 1, 2]
    assert [scheduler.cause(q) for q in range(4)] == [None, 0, 0, None]
    assert scheduler.state(3) is State.READY


def test_fail_fast_cancels_what_has_not_begun():
    scheduler = Scheduler(3, edges(), fail_fast=True)
    scheduler.take(2)
    scheduler.tell(Failed(0))
    assert scheduler.stopped
    assert scheduler.states() == [State.FAILED, State.RUNNING, State.CANCELLED]
    assert scheduler.tell(Returned(1)) == [1]
    assert scheduler.is_over


def test_a_transient_failure_is_tried_again_as_often_as_allowed():
    scheduler = Scheduler(1, edges(), retries=2)
    tries = []
    while taken := scheduler.take():
        tries.append(taken[0].retry)
        scheduler.tell(Failed(0, transient=True))
    assert tries == [0, 1, 2]
    assert scheduler.state(0) is State.FAILED


def test_a_failure_that_is_not_transient_is_final():
    scheduler = Scheduler(1, edges(), retries=2)
    scheduler.take()
    assert scheduler.tell(Failed(0)) == [0]


def test_a_fatal_failure_stops_the_run():
    scheduler = Scheduler(2, edges(), retries=1)
    scheduler.take()
    scheduler.tell(Failed(0, transient=True, fatal=True))
    assert scheduler.states() == [State.FAILED, State.CANCELLED]


def test_what_is_done_already_releases_its_children_and_does_not_run():
    scheduler = Scheduler(3, edges((0, 1), (1, 2)), done=[0, 1])
    assert order(scheduler) == [2]


def test_an_edge_given_twice_counts_once():
    scheduler = Scheduler(2, edges((0, 1), (0, 1)))
    assert order(scheduler) == [0, 1]


def test_losing_finished_outputs_fails_them_blocks_their_children_and_stops():
    scheduler = Scheduler(4, edges((0, 2), (1, 2)))
    scheduler.take(1)
    scheduler.tell(Finished(0))
    scheduler.take(1)
    scheduler.tell(Lost((0,)))
    assert scheduler.states() == [State.FAILED, State.RUNNING, State.BLOCKED, State.CANCELLED]


def test_a_circle_is_refused():
    with pytest.raises(ValueError, match="circle"):
        Scheduler(2, edges((0, 1), (1, 0)))


def test_an_event_that_cannot_be_is_refused():
    scheduler = Scheduler(1, edges())
    with pytest.raises(ValueError, match="READY, not RUNNING"):
        scheduler.tell(Finished(0))


def test_a_hundred_thousand_quanta_take_a_second_at_most():
    import time

    size = 100_000
    parents = np.arange(size - 1000)
    begun = time.process_time()
    scheduler = Scheduler(size, (parents, parents + 1000))
    assert len(order(scheduler)) == size
    assert time.process_time() - begun < 5.0


def test_what_does_not_fit_into_memory_waits_and_lets_smaller_ones_pass():
    scheduler = Scheduler(4, edges(), memory=[6, 6, 2, 2], budget=8)
    assert [one.quantum for one in scheduler.take(4)] == [0, 2]
    assert [one.memory for one in scheduler.take(4)] == []
    for quantum in (0, 2):
        scheduler.tell(Finished(quantum))
    assert [one.quantum for one in scheduler.take(4)] == [1, 3]


def test_a_large_quantum_runs_alone_though_the_budget_is_smaller():
    scheduler = Scheduler(2, edges(), memory=[20, 1], budget=8)
    assert [one.quantum for one in scheduler.take(2)] == [0]


def test_small_quanta_do_not_keep_a_large_one_waiting_for_ever():
    scheduler = Scheduler(1002, edges(), memory=[1, 8, *[1] * 1000], budget=8)
    begun, running = [], []
    while 1 not in begun:
        for one in scheduler.take(2 - len(running)):
            begun.append(one.quantum)
            running.append(one.quantum)
        scheduler.tell(Finished(running.pop(0)))
    assert 50 < len(begun) < 200


def test_a_quantum_whose_memory_ran_out_gets_more():
    scheduler = Scheduler(1, edges(), memory=[2], retries=1)
    scheduler.take()
    scheduler.tell(Failed(0, transient=True, memory=4))
    assert scheduler.take() == [Assignment(0, 1, 4)]


def test_a_failure_spares_those_who_can_do_without():
    scheduler = Scheduler(4, edges((0, 2), (1, 2), (2, 3)), partial=edges((0, 2), (1, 2)))
    scheduler.take(2)
    assert scheduler.tell(Failed(0)) == [0]
    assert scheduler.take() == []
    scheduler.tell(Finished(1))
    assert scheduler.take() == [Assignment(2, 0, 0, is_deprived=True)]


def test_what_is_held_does_not_run_nor_what_depends_on_it():
    scheduler = Scheduler(4, edges((0, 1), (1, 2)), held=[1])
    assert [one.quantum for one in scheduler.take(4)] == [0, 3]
    assert scheduler.state(2) is State.CANCELLED


def test_the_longest_path_counts_in_time_where_times_are_known():
    chains = edges((0, 1), (1, 2), (3, 4))
    assert [one.quantum for one in Scheduler(5, chains).take(2)] == [0, 3]
    slow = np.array([1.0, 1.0, 1.0, 1.0, 60.0])
    assert [one.quantum for one in Scheduler(5, chains, durations=slow).take(1)] == [3]


def test_memory_that_is_only_expected_makes_others_wait_and_is_no_limit():
    scheduler = Scheduler(3, edges(), memory=[0, 0, 4], expected=[6, 6, 6], budget=10)
    assert scheduler.take(3) == [Assignment(0, 0, 0), Assignment(2, 0, 4)]


def test_what_went_with_its_only_reader_runs_again_before_it():
    scheduler = Scheduler(4, edges((0, 1), (1, 2), (3, 2)), retries=1)
    for quantum in (0, 1, 3):
        assert scheduler.take(1) == [Assignment(quantum, 0)]
        scheduler.tell(Finished(quantum))
    assert scheduler.take(1) == [Assignment(2, 0)]
    scheduler.tell(Failed(2, transient=True))
    assert scheduler.tell(Undone((1, 0))) == []
    assert scheduler.states() == [State.READY, State.WAITING, State.WAITING, State.FINISHED]
    assert order(scheduler) == [0, 1, 2]
    assert scheduler.tell(Undone((1, 0), again=False)) == [1, 0]
    assert scheduler.states()[:2] == [State.CANCELLED] * 2


def test_one_quantum_can_be_taken_before_its_turn_if_it_may_begin():
    scheduler = Scheduler(4, edges((0, 1)), memory=[2, 2, 2, 8], budget=8)
    assert scheduler.take_this(1) is None
    assert scheduler.take_this(2) == Assignment(2, 0, 2)
    assert scheduler.take_this(3) is None, "there is no memory for it"
    assert order(scheduler) == [0, 1]


@st.composite
def runs(draw):
    size = draw(st.integers(1, 12))
    pairs = draw(st.lists(st.tuples(st.integers(0, size - 1), st.integers(0, size - 1)), max_size=30))
    return {
        "size": size,
        "edges": [(min(p), max(p)) for p in pairs if p[0] != p[1]],
        "retries": draw(st.integers(0, 2)),
        "fail_fast": draw(st.booleans()),
        "workers": draw(st.integers(1, 4)),
        "memory": draw(st.lists(st.sampled_from([0, 1, 3, 8]), min_size=size, max_size=size)),
        "budget": draw(st.sampled_from([None, 1, 4, 10])),
        "partial": draw(st.sets(st.sampled_from(pairs))) if pairs else set(),
    }


class Simulation:
    """Workers that end in random ways, and a committer that lags behind."""

    def __init__(self, run, random):
        self.run, self.random = run, random
        self.partial = {(min(p), max(p)) for p in run["partial"] if p[0] != p[1]}
        self.scheduler = Scheduler(
            run["size"],
            edges(*run["edges"]),
            retries=run["retries"],
            fail_fast=run["fail_fast"],
            memory=run["memory"],
            budget=run["budget"],
            partial=edges(*sorted(self.partial)),
        )
        self.running, self.finished, self.ended, self.begun = [], [], [], Counter()
        self.parents = {q: {p for p, c in run["edges"] if c == q} for q in range(run["size"])}

    def go(self):
        for _ in range(10_000):
            if self.scheduler.is_over:
                return
            self.step()
        pytest.fail("the run never ends")

    def step(self):
        for assignment in self.scheduler.take(self.run["workers"] - len(self.running)):
            self.check_may_begin(assignment)
            self.running.append(assignment.quantum)
        if self.scheduler.stopped:
            for quantum in self.running:
                self.ended += self.scheduler.tell(Returned(quantum))
            self.running = []
        if self.running:
            self.end(self.running.pop(self.random.randrange(len(self.running))))
        if self.finished and (not self.running or self.random.random() < 0.4):
            self.commit()

    def check_may_begin(self, assignment):
        self.begun[assignment.quantum] += 1
        assert not self.scheduler.stopped
        states = {p: self.scheduler.state(p) for p in self.parents[assignment.quantum]}
        gone = {p for p, state in states.items() if state in (State.FAILED, State.BLOCKED)}
        assert all((p, assignment.quantum) in self.partial for p in gone)
        assert all(states[p] in (State.FINISHED, State.SUCCEEDED) for p in states.keys() - gone)
        assert assignment.is_deprived == bool(gone)
        needs = [self.run["memory"][q] for q in [*self.running, assignment.quantum]]
        assert self.run["budget"] is None or len(needs) == 1 or sum(needs) <= self.run["budget"]

    def end(self, quantum):
        ends = [Finished, Finished, Finished, Failed, self.killed, Returned]
        end = self.random.choice(ends)
        self.ended += self.scheduler.tell(end(quantum))
        if end is Finished:
            self.finished.append(quantum)
        if self.random.random() < 0.02:
            self.ended += self.scheduler.tell(Stopped())

    @staticmethod
    def killed(quantum):
        return Failed(quantum, transient=True)

    def commit(self):
        end = Lost if self.random.random() < 0.02 else Committed
        self.ended += self.scheduler.tell(end(tuple(self.finished)))
        self.finished = []


@settings(max_examples=300, deadline=None)
@given(run=runs(), random=st.randoms(use_true_random=False))
def test_whatever_happens_every_quantum_ends_once_and_success_follows_the_parents_success(run, random):
    simulation = Simulation(run, random)
    simulation.go()
    scheduler, states = simulation.scheduler, simulation.scheduler.states()
    assert all(state.is_final for state in states)
    assert sorted(simulation.ended) == list(range(run["size"]))
    assert sum(scheduler.count(state) for state in State) == run["size"]
    assert all(scheduler.count(state) == states.count(state) for state in State)
    for quantum, state in enumerate(states):
        parents = {states[p] for p in simulation.parents[quantum] if (p, quantum) not in simulation.partial}
        if state is State.SUCCEEDED:
            assert parents <= {State.SUCCEEDED}
            assert simulation.begun[quantum] >= 1
        if state is State.BLOCKED:
            assert states[scheduler.cause(quantum)] is State.FAILED
            assert {states[p] for p in simulation.parents[quantum]} & {State.FAILED, State.BLOCKED}
        if state is State.CANCELLED:
            assert scheduler.stopped
        if not scheduler.stopped:
            assert (state is State.BLOCKED) == bool(parents & {State.FAILED, State.BLOCKED})
