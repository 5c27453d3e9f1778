"""Half-written files in the folders of runs."""

import os

from bunter import Butler
from bunter.contracts.small_camera import fill_dimensions


def test_what_a_dead_transfer_left_in_the_folder_of_a_run_goes_when_it_is_old(tmp_path):
    with Butler.create(tmp_path / "repo") as butler:
        fill_dimensions(butler)
        folder = butler.repository.runs / "run1"
        folder.mkdir(parents=True)
        for name in (".abcdefghijklm.part", ".bcdefghijklmn.part", "summary.json", ".note.part"):
            (folder / name).write_text("half")
        for name in (".abcdefghijklm.part", "summary.json", ".note.part"):
            os.utime(folder / name, (1e9, 1e9))
        for dry_run in (True, False):
            [row] = butler.gc(dry_run=dry_run).rows
            assert (row.kind, row.artifacts, row.bytes) == ("half-written file", 1, 4)
        assert butler.gc().rows == ()
        assert sorted(path.name for path in folder.iterdir()) == [".bcdefghijklmn.part", ".note.part", "summary.json"]
