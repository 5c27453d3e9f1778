"""Every error that Bunter raises on purpose.

::

    ButlerError
    +-- UserError                         the user's to fix: one line at the command line, exit code 1
    |   +-- DataIdError                   ValueError
    |   |   +-- DimensionNameError        KeyError
    |   |   +-- DimensionValueError
    |   |   +-- InconsistentDataIdError
    |   +-- DatasetNotFoundError          LookupError
    |   |   +-- DatasetRemovedError
    |   |   +-- CalibrationLookupError
    |   +-- ConflictingDatasetError       ValueError
    |   |   +-- TransferConflictError
    |   +-- ConflictingDefinitionError    ValueError
    |   +-- MissingDatasetTypeError       LookupError
    |   +-- MissingCollectionError        LookupError
    |   +-- MissingSnapshotError          LookupError
    |   +-- MissingIndexError             LookupError
    |   +-- MissingMetricError            LookupError
    |   +-- MetadataError                 ValueError
    |   +-- CollectionTypeError           TypeError
    |   +-- CollectionCycleError          ValueError
    |   +-- CollectionInUseError
    |   +-- OrphanedRecordError
    |   +-- InvalidQueryError             ValueError
    |   +-- EmptyQueryResultError         LookupError
    |   +-- SeveralResultsError           LookupError
    |   +-- PositionError                 ValueError
    |   +-- StorageClassError             TypeError
    |   +-- FormatError                   ValueError
    |   +-- TemplateError                 ValueError
    |   +-- ConfigurationError            ValueError
    |   |   +-- UpgradeNeededError
    |   +-- UniverseError                 ValueError
    |   +-- RepositoryNotFoundError       FileNotFoundError
    |   +-- RepositoryExistsError         FileExistsError
    |   +-- ReadOnlyError                 PermissionError
    |   +-- MissingExtraError             ImportError
    |   +-- InstrumentError               ValueError
    |   +-- NotLocalError                 OSError
    |   |   +-- RecallNeededError
    |   +-- IngestError
    |   +-- ExportFileError               ValueError
    |   +-- PipelineError                 ValueError
    |   +-- GraphError                    ValueError
    |   |   +-- EmptyGraphError
    |   |       +-- AllDoneError
    |   |       +-- WaitingError
    |   +-- RunError
    |   +-- UndoError                     LookupError
    |   +-- SubscriptionError             ValueError
    |   +-- StoreDeniedError              PermissionError
    +-- DatabaseBusyError                 TimeoutError
    +-- DatabaseDamagedError              OSError
    +-- DatabaseUnavailableError          ConnectionError
    +-- FileIntegrityError                OSError
    +-- StoreUnavailableError             ConnectionError
    +-- KeyTakenError                     FileExistsError
    +-- KeyMissingError                   FileNotFoundError
    +-- QuantumError
        +-- TaskFailedError

The first positional argument is always the whole message; facts are keyword arguments and become attributes, so that
every error survives pickling.
"""

from __future__ import annotations

from bunter.errors.asking import (
    CalibrationLookupError,
    CollectionCycleError,
    CollectionInUseError,
    CollectionTypeError,
    ConflictingDatasetError,
    ConflictingDefinitionError,
    DataIdError,
    DatasetNotFoundError,
    DatasetRemovedError,
    DimensionNameError,
    DimensionValueError,
    EmptyQueryResultError,
    InconsistentDataIdError,
    InvalidQueryError,
    MetadataError,
    MissingCollectionError,
    MissingDatasetTypeError,
    MissingIndexError,
    MissingMetricError,
    MissingSnapshotError,
    OrphanedRecordError,
    PositionError,
    SeveralResultsError,
    SubscriptionError,
    TransferConflictError,
    UndoError,
)
from bunter.errors.opening import (
    ConfigurationError,
    DatabaseBusyError,
    DatabaseDamagedError,
    DatabaseUnavailableError,
    InstrumentError,
    MissingExtraError,
    ReadOnlyError,
    RepositoryExistsError,
    RepositoryNotFoundError,
    UniverseError,
    UpgradeNeededError,
)
from bunter.errors.root import (
    ButlerError,
    UserError,
    near,
)
from bunter.errors.running import (
    AllDoneError,
    EmptyGraphError,
    GraphError,
    PipelineError,
    QuantumError,
    RunError,
    TaskFailedError,
    WaitingError,
)
from bunter.errors.storing import (
    ExportFileError,
    FileIntegrityError,
    FormatError,
    IngestError,
    KeyMissingError,
    KeyTakenError,
    NotLocalError,
    RecallNeededError,
    StorageClassError,
    StoreDeniedError,
    StoreUnavailableError,
    TemplateError,
)

__all__ = [
    "AllDoneError",
    "ButlerError",
    "CalibrationLookupError",
    "CollectionCycleError",
    "CollectionInUseError",
    "CollectionTypeError",
    "ConfigurationError",
    "ConflictingDatasetError",
    "ConflictingDefinitionError",
    "DataIdError",
    "DatabaseBusyError",
    "DatabaseDamagedError",
    "DatabaseUnavailableError",
    "DatasetNotFoundError",
    "DatasetRemovedError",
    "DimensionNameError",
    "DimensionValueError",
    "EmptyGraphError",
    "EmptyQueryResultError",
    "ExportFileError",
    "FileIntegrityError",
    "FormatError",
    "GraphError",
    "InconsistentDataIdError",
    "IngestError",
    "InstrumentError",
    "InvalidQueryError",
    "KeyMissingError",
    "KeyTakenError",
    "MetadataError",
    "MissingCollectionError",
    "MissingDatasetTypeError",
    "MissingExtraError",
    "MissingIndexError",
    "MissingMetricError",
    "MissingSnapshotError",
    "NotLocalError",
    "OrphanedRecordError",
    "PipelineError",
    "PositionError",
    "QuantumError",
    "ReadOnlyError",
    "RecallNeededError",
    "RepositoryExistsError",
    "RepositoryNotFoundError",
    "RunError",
    "SeveralResultsError",
    "StorageClassError",
    "StoreDeniedError",
    "StoreUnavailableError",
    "SubscriptionError",
    "TaskFailedError",
    "TemplateError",
    "TransferConflictError",
    "UndoError",
    "UniverseError",
    "UpgradeNeededError",
    "UserError",
    "WaitingError",
    "near",
]
