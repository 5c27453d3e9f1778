"""A night of a small simulated camera, and a pipeline for it: Bunter's guided tour."""

__all__: list[str] = []
