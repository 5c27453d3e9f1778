import pytest

from bunter.values import counted, sized


def test_one_thing_has_the_noun_of_one():
    assert [counted(n, "file") for n in (0, 1, 2)] == ["0 files", "1 file", "2 files"]
    assert counted(1, "quantum", "quanta") == "1 quantum"
    assert counted(3, "quantum", "quanta") == "3 quanta"


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (18_300, "18.3 kB"), (999_960, "1.0 MB"), (5 * 10**15, "5000.0 TB")],
)
def test_sizes_are_said_in_the_unit_that_fits(size, text):
    assert sized(size) == text
