"""Storage classes: which Python type a dataset has, and which parts of it can be read alone."""

from __future__ import annotations

from bunter.storage_class.registry import storage_class, storage_class_of, storage_classes
from bunter.storage_class.storage_class import StorageClass

__all__ = ["StorageClass", "storage_class", "storage_class_of", "storage_classes"]
