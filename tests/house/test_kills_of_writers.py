"""Every command that writes is killed at its effects by some test, or stands here with the reason why it need not be."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]


def _module(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


commands = _module(Path(__file__).with_name("test_command_line.py"))

# The test that kills it, or the deed of that name in `tests/faults/deeds.py`, which is killed at random moments.
KILLED = {
    "bundle": "deed",
    "cache": "datastore/test_cache.py::test_a_reader_killed_at_any_step_leaves_a_sound_cache",
    "capsule": "execution/test_job_crashes.py::test_a_capsule_that_was_killed_is_not_there_or_whole_and_packed_by_the_same_call",
    "check": "deed check --repair",
    "define-visits": "ingest/test_visits.py::test_visits_are_defined_whole_wherever_their_definition_is_killed",
    "dump": "faults/test_kills_of_transfers.py::test_export_and_dump",
    "events deliver": "faults/test_kills_of_events.py::test_wherever_a_process_is_killed_events_arrive_in_order_and_say_what_is_so",
    "export": "deed",
    "gc": "deed",
    "import": "deed",
    "ingest-raws": "ingest/test_raws.py::test_killed_at_any_step_it_completes_when_run_again",
    "ingest-zip": "deed",
    "load": "deed",
    "merge": "execution/test_job_crashes.py::test_a_merge_that_was_killed_at_any_step_is_completed_by_another",
    "pre-exec-init": "execution/test_job_crashes.py::test_a_preparation_that_was_killed_is_completed_by_doing_it_again",
    "prune-datasets": "deed prune",
    "remove-runs": "deed",
    "rerun": "faults/test_kills_of_reruns.py::test_a_rerun_that_is_killed_can_be_given_again",
    "retrieve-artifacts": "deed retrieve",
    "retry": "faults/test_kills_of_reruns.py::test_a_retry_that_is_killed_can_be_given_again",
    "run": "execution/test_crashes.py::test_a_run_survives_a_kill_at_a_moment",
    "run-quanta": "execution/test_job_crashes.py::test_what_was_killed_is_completed_by_doing_it_again",
    "sinks": "faults/test_kills_of_sinks.py::test_each_dataset_is_in_a_sink_once_wherever_its_delivery_was_killed",
    "stage in": "execution/test_job_crashes.py::test_what_was_killed_is_completed_by_doing_it_again",
    "stage out": "execution/test_job_crashes.py::test_what_was_killed_is_completed_by_doing_it_again",
    "sync": "deed",
    "undo": "deed",
    "upgrade": "registry/test_upgrade.py::test_a_format_step_that_is_killed_leaves_the_old_or_the_new",
}
NOT_KILLED = {
    "events follow": "sends like events deliver",
    "qgraph": "writes one file, under another name first",
    "recall": "orders from another system, and keeps nothing",
    "relocate": "changes rows like `alias`, in one transaction, and touches no file",
    "trash": "empties like prune-datasets",
}


def writers():
    """Commands that can be tried without writing, and those that write all the same."""
    found = [name for name, each in commands.all_commands().items() if any("--dry-run" in p.opts for p in each.params)]
    return {*found, "check"}


def killed_as_commands():
    text = (TESTS / "faults/test_kills_of_commands.py").read_text()
    return set(
        re.findall(r'^    "([a-z -]+)": "', text.partition("\nCOMMANDS = {")[2].partition("\n}\n")[0], re.MULTILINE)
    )


def test_every_command_that_writes_is_killed_somewhere():
    assert writers() - killed_as_commands() - set(KILLED) - set(NOT_KILLED) == set()


def test_no_command_is_told_of_twice_or_is_none():
    told = [*killed_as_commands(), *KILLED, *NOT_KILLED]
    assert len(told) == len(set(told))
    assert set(told) <= writers()


@pytest.mark.parametrize("name", KILLED)
def test_what_kills_it_is_there(name):
    where = KILLED[name]
    if where.startswith("deed"):
        deed = where.removeprefix("deed").strip() or name
        assert re.search(rf'^    "{re.escape(deed)}": Deed\(', (TESTS / "faults/deeds.py").read_text(), re.MULTILINE)
        return
    path, _, test = where.partition("::")
    assert f"def {test}(" in (TESTS / path).read_text()
