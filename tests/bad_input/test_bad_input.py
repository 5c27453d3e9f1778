"""Whatever goes in: one clear sentence on standard error, the right exit code, no traceback, nothing lost."""

import signal

import numpy as np
import pytest
from astropy.io import fits

WELL = "tasks: {mean: troubled.tasks.WellTask}\n"
RAISING = "tasks: {mean: troubled.tasks.RaisingTask}\n"
DYING = "tasks: {mean: troubled.tasks.DyingTask}\n"


def assert_explained(done, *phrases, code=1, lines=3):
    """The command failed with few lines on standard error that hold the phrases, and without a traceback."""
    assert done.code in ({code} if isinstance(code, int) else code), (done.code, done.errors, done.output)
    assert "Traceback" not in done.errors + done.output
    said = done.errors.strip().splitlines()
    assert 0 < len(said) <= lines, done.errors
    for phrase in phrases:
        assert phrase in done.errors, (phrase, done.errors)


class TestIngest:
    def reject(self, empty, *phrases):
        done = empty.bunter("ingest-raws", "repo", "incoming", "--transfer", "copy")
        assert done.code == 1, (done.code, done.errors, done.output)
        assert "Traceback" not in done.errors + done.output
        for phrase in phrases:
            assert phrase in done.errors + done.output, (phrase, done.errors, done.output)
        empty.assert_clean()

    def test_a_truncated_file_is_rejected_and_goes_in_when_it_is_whole(self, empty):
        victim = sorted(empty.incoming.iterdir())[5]
        content = victim.read_bytes()
        victim.write_bytes(content[: len(content) - 2000])
        self.reject(empty, victim.name, "truncated")
        assert empty.count("raw") in {8, 11}  # with or without the rest of its exposure
        victim.write_bytes(content)
        empty.works("ingest-raws", "repo", "incoming", "--transfer", "copy")
        assert empty.count("raw") == 12
        empty.assert_clean()

    def test_half_a_header_is_rejected_alone_for_it_does_not_say_its_exposure(self, empty):
        victim = min(empty.incoming.iterdir())
        victim.write_bytes(victim.read_bytes()[:1000])
        self.reject(empty, victim.name)
        assert empty.count("raw") == 11

    def test_a_header_without_a_needed_card_is_rejected_by_the_card_s_name(self, empty):
        victim = sorted(empty.incoming.iterdir())[3]
        with fits.open(victim, mode="update") as opened:
            del opened[0].header["EXPID"]
        self.reject(empty, victim.name, "EXPID")
        assert empty.count("raw") == 11

    def test_a_card_that_makes_no_sense_is_rejected_by_its_name(self, empty):
        victim = sorted(empty.incoming.iterdir())[3]
        with fits.open(victim, mode="update") as opened:
            opened[0].header["DATE-OBS"] = "yesterday"
        self.reject(empty, victim.name, "yesterday")

    def test_a_detector_that_the_camera_has_not_is_rejected(self, empty):
        victim = sorted(empty.incoming.iterdir())[3]
        with fits.open(victim, mode="update") as opened:
            opened[0].header["DETECTOR"] = 77
        self.reject(empty, victim.name, "77")

    def test_the_file_of_a_strange_camera_is_rejected(self, empty):
        header = fits.Header({"INSTRUME": "Kodak"})
        fits.PrimaryHDU(np.zeros((2, 2)), header).writeto(empty.incoming / "holiday.fits")
        self.reject(empty, "holiday.fits", "Kodak")
        assert empty.count("raw") == 12

    def test_what_is_no_fits_is_rejected(self, empty):
        (empty.incoming / "letter.fits").write_text("Dear Lord Peter")
        self.reject(empty, "letter.fits")
        (empty.incoming / "nothing.fits").write_bytes(b"")
        self.reject(empty, "nothing.fits")
        assert empty.count("raw") == 12

    def test_a_folder_that_is_not_there_is_refused(self, empty):
        assert_explained(empty.bunter("ingest-raws", "repo", "nowhere"), "nowhere", code={1, 2}, lines=5)

    def test_the_same_files_again_change_nothing(self, repository):
        repository.works("ingest-raws", "repo", "incoming", "--transfer", "copy")
        assert repository.count("raw") == 12
        repository.assert_clean()


class TestNames:
    def test_an_unknown_instrument_is_answered_with_the_nearest(self, repository):
        assert_explained(repository.bunter("register-instrument", "repo", "DemoCan"), "DemoCan", "DemoCam")

    def test_an_unknown_command_is_answered_with_the_nearest(self, repository):
        assert_explained(repository.bunter("ingest-raw", "repo"), "ingest-raws", code=2, lines=5)

    def test_an_unknown_dataset_type_is_answered_with_the_nearest(self, repository):
        assert_explained(repository.bunter("query-datasets", "repo", "rwa"), "rwa", "did you mean 'raw'")

    def test_an_unknown_collection_is_answered_with_the_nearest(self, repository):
        done = repository.bunter("query-datasets", "repo", "raw", "--collections", "DemoCam/raw/al")
        assert_explained(done, "DemoCam/raw/al", "DemoCam/raw/all")

    def test_a_folder_without_repository_is_named(self, repository):
        assert_explained(repository.bunter("query-datasets", "incoming", "raw"), "incoming", "bunter create")

    def test_a_second_repository_in_the_same_folder_is_refused(self, repository):
        assert_explained(repository.bunter("create", "repo"), "repo")
        assert repository.count("raw") == 12


class TestWhere:
    @pytest.mark.parametrize(
        ("where", "phrases"),
        [
            ("instrument = 'DemoCam' AND exposre = 3", ["exposre", "did you mean 'exposure'", "^"]),
            ("instrument = 'DemoCam' AND exposure.exposure_tme > 3", ["exposure_tme", "exposure_time", "^"]),
            ("instrument = 'DemoCam' AND exposure = ", ["^"]),
            ("instrument = 'DemoCam' AND (exposure = 3", ["^"]),
            ("instrument = DemoCam", ["DemoCam", "^"]),
        ],
    )
    def test_a_mistake_is_shown_where_it_is(self, repository, where, phrases):
        done = repository.bunter("query-datasets", "repo", "raw", "--where", where)
        assert_explained(done, *phrases, lines=4)


def run(repository, pipeline, *more, jobs=1):
    return repository.bunter(
        "run", "-b", "repo", "-p", pipeline, "-i", "DemoCam/raw/all", "--output-run", "u/run", "-j", jobs, *more
    )


class TestPipelines:
    def test_a_circle_is_walked(self, repository):
        pipeline = repository.pipeline(
            "tasks:\n"
            "  one: {class: troubled.tasks.WellTask, config: {connections.frame: b, connections.mean: a}}\n"
            "  two: {class: troubled.tasks.WellTask, config: {connections.frame: a, connections.mean: b}}\n"
        )
        sentence = "one --[a]--> two --[b]--> one"
        assert_explained(repository.bunter("pipeline", "check", pipeline), "pipe.yaml", sentence)
        assert_explained(run(repository, pipeline), "pipe.yaml", sentence)
        repository.assert_clean()

    def test_an_unknown_field_is_answered_with_line_and_nearest_name(self, repository):
        pipeline = repository.pipeline(
            "tasks:\n  mean:\n    class: troubled.tasks.WellTask\n    config:\n      scael: 3\n"
        )
        for done in (repository.bunter("pipeline", "check", pipeline), run(repository, pipeline)):
            assert_explained(done, "pipe.yaml:5:", "'scael'", "did you mean 'scale'", lines=1)
        repository.assert_clean()

    def test_an_unknown_field_on_the_command_line_is_quoted(self, repository):
        done = run(repository, repository.pipeline(WELL), "-c", "mean:scael=3")
        assert_explained(done, "argument 'mean:scael=3'", "did you mean 'scale'", lines=1)

    def test_a_missing_pipeline_file_is_answered_with_the_nearest(self, repository):
        repository.pipeline(WELL)
        assert_explained(run(repository, "pip.yaml"), "pip.yaml", "did you mean 'pipe.yaml'", lines=1)

    def test_a_task_class_that_is_not_there_is_named(self, repository):
        done = run(repository, repository.pipeline("tasks: {mean: troubled.tasks.WelTask}\n"))
        assert_explained(done, "WelTask", "did you mean 'WellTask'", lines=1)

    def test_a_selection_that_leaves_nothing_says_so(self, repository):
        done = run(repository, repository.pipeline(WELL), "-d", "instrument = 'DemoCam' AND exposure = 1")
        assert_explained(done, "exposure", lines=20)
        assert repository.count("mean") == 0
        repository.assert_clean()

    def test_a_misspelt_name_in_the_selection_is_shown(self, repository):
        done = run(repository, repository.pipeline(WELL), "-d", "instrument = 'DemoCam' AND exposre = 1")
        assert_explained(done, "exposre", "did you mean 'exposure'", lines=4)


class TestRuns:
    @pytest.mark.parametrize("jobs", [1, 2])
    def test_a_task_that_raises_fails_alone(self, repository, jobs):
        done = run(repository, repository.pipeline(RAISING), jobs=jobs)
        assert done.code == 1, (done.code, done.errors, done.output)
        assert "the sky is falling" in done.errors
        assert "3" in done.errors
        assert repository.count("mean") == 9
        repository.assert_clean()

    def test_a_task_that_is_killed_fails_alone(self, repository):
        done = run(repository, repository.pipeline(DYING), jobs=2)
        assert done.code == 1, (done.code, done.errors, done.output)
        assert "Traceback" not in done.errors + done.output
        assert "SIGKILL" in done.errors
        assert repository.count("mean") == 9
        repository.assert_clean()

    def test_a_run_that_was_killed_with_its_task_is_completed_by_the_same_command(self, repository):
        pipeline = repository.pipeline("tasks: {mean: troubled.tasks.HauntedTask}\n")
        ghost = repository.folder / "ghost"
        ghost.touch()
        assert run(repository, pipeline).code == -signal.SIGKILL
        assert repository.count("raw") == 12
        ghost.unlink()
        done = run(repository, pipeline)
        assert done.code == 0, done.errors
        assert repository.count("mean") == 12
        repository.assert_clean()

    def test_a_run_that_went_well_does_nothing_again(self, repository):
        pipeline = repository.pipeline(WELL)
        assert run(repository, pipeline).code == 0
        assert repository.count("mean") == 12
        again = run(repository, pipeline)
        assert again.code == 0, again.errors
        assert repository.count("mean") == 12
        repository.assert_clean()
