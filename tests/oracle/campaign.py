"""How many random questions are asked, and with which seed."""

import collections
import os

from hypothesis import HealthCheck, Phase, given, seed, settings

EXAMPLES = int(os.environ.get("BUNTER_ORACLE_EXAMPLES") or 100)
SEED = int(os.environ["BUNTER_ORACLE_SEED"])
TALLY = collections.Counter()


def campaign(strategy, check, *, share=1.0):
    """Check random values; what ``check`` returns is counted. The first failure is made small and raised.

    ``share`` is for questions that take much longer than others: the part of the usual number of them that is asked.
    """

    @seed(SEED)
    @settings(
        max_examples=max(int(EXAMPLES * share), 1),
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    @given(strategy)
    def run(value):
        TALLY[check(value)] += 1

    run()
