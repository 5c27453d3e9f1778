"""The tasks of `run_tasks`, with an output that need not be kept."""

from __future__ import annotations

import run_tasks

from bunter.pipeline import Field


class ReduceConfig(run_tasks.ReduceConfig):
    """Says how long the output is kept."""

    keep: str = Field("forever")


class ReduceConnections(run_tasks.ReduceConnections):
    def adjust(self, config):
        if config is not None:
            self.change("reduced", keep=config.keep)


class Reduce(run_tasks.Reduce):
    Connections = ReduceConnections
    Config = ReduceConfig


class Gather(run_tasks.Gather):
    pass
