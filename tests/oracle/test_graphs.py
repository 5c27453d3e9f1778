"""Random pipelines over made-up surveys give the same graphs in both systems, where both select strictly."""

import pytest

pytest.importorskip("lsst.daf.butler", reason="the reference system is not installed; `make oracle` installs it")
pytest.importorskip(
    "lsst.pipe.base", reason="the reference's graph builder is not installed; `make oracle` installs it"
)

import graphs
import worlds
from campaign import SEED, TALLY, campaign

# The alarm that ends a build that takes too long may go off within a callback of the garbage collector.
pytestmark = [
    pytest.mark.oracle,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module", autouse=True)
def told():
    """Print how many graphs were compared, and how."""
    before = TALLY.copy()
    yield
    print(f"\noracle: graphs: {dict(TALLY - before)}")


@pytest.fixture(scope="module", params=range(3))
def sky(request, tmp_path_factory, database):
    """A made-up survey; each seed of the campaign has its own three."""
    folder = tmp_path_factory.mktemp("graphs")
    seed = SEED % 1000 * 3 + request.param
    return worlds.world(f"survey{seed}", worlds.made_up(folder, seed), folder, database())


def test_the_same_quanta_read_and_write_the_same(sky):
    campaign(graphs.plans(), lambda plan: graphs.compare(sky, plan), share=graphs.SHARE)
