"""What jobs tell of their artifacts, as records of artifacts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bunter.dataset import StoredArtifact

if TYPE_CHECKING:
    from bunter.execution.message import Made
    from bunter.execution.receipt import Artifact


__all__ = ["stored_artifact", "stored_artifacts"]


def stored_artifacts(dataset_id: bytes, made: Made) -> list[StoredArtifact]:
    """Say where a dataset is that was made in this run, all its components."""
    return [stored_artifact(dataset_id, one.artifact, one.selector, one.component) for one in (made, *made.others)]


def stored_artifact(dataset_id: bytes, artifact: Artifact, selector: str = "", component: str = "") -> StoredArtifact:
    """Say where an artifact of a dataset is that was made in this run."""
    return StoredArtifact(
        dataset_id, component, artifact.key, artifact.datastore, artifact.size, artifact.sha256, artifact.xxh3,
        artifact.format, artifact.version, True, selector,
    )  # fmt: skip
