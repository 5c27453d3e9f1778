"""Datasets moved between repositories, folders and archives."""

from __future__ import annotations

from bunter.butler.transfers.parcel import Annotations, Batch, Membership, Parcel, Selection
from bunter.butler.transfers.report import Conflict, TransferReport
from bunter.butler.transfers.service import Transfers

__all__ = ["Annotations", "Batch", "Conflict", "Membership", "Parcel", "Selection", "TransferReport", "Transfers"]
