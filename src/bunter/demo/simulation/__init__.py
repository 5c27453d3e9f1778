"""A simulated night of *DemoCam*, a small camera on a small telescope."""

from bunter.demo.simulation.night import SEED, Night, write_night
from bunter.demo.simulation.schedule import Exposure, Plan

__all__ = ["SEED", "Exposure", "Night", "Plan", "write_night"]
