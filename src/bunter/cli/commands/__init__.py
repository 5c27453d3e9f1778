"""The table of commands: where each lives and its one line of help, so that ``bunter --help`` imports none of them."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["COMMANDS", "PIPELINES", "Entry"]


class Entry(NamedTuple):
    """Where a command is defined (``module:function`` below this package), under which topic, and its help line."""

    where: str
    topic: str
    help: str


_REPOSITORY, _DATA, _SEARCH, _COLLECTIONS = "Repositories", "Data in and out", "Looking", "Collections"
PIPELINES, _CARE = "Pipelines", "Care"

COMMANDS: dict[str, Entry] = {
    "demo": Entry("demo:demo", "First steps", "Simulate a night of a small camera and process it."),
    "create": Entry("repository:create", _REPOSITORY, "Create an empty repository."),
    "seal": Entry("sealing:seal", _REPOSITORY, "Finish a repository: readable by all, written by nobody."),
    "upgrade": Entry("universe:upgrade", _REPOSITORY, "Bring a repository to a newer format or a wider universe."),
    "universe": Entry("universe:universe", _REPOSITORY, "Show, check and compare universes of dimensions."),
    "config-dump": Entry("repository:config_dump", _REPOSITORY, "Print the configuration of a repository."),
    "config-validate": Entry("repository:config_validate", _REPOSITORY, "Check the configuration of a repository."),
    "register-instrument": Entry("ingest:register_instrument", _DATA, "Register a camera: detectors and filters."),
    "ingest-raws": Entry("ingest:ingest_raws", _DATA, "Ingest raw frames and make their exposure records."),
    "define-visits": Entry("ingest:define_visits", _DATA, "Group exposures into visits with regions on the sky."),
    "register-skymap": Entry("ingest:register_skymap", _DATA, "Register tracts and patches."),
    "ingest-refcat": Entry("ingest:ingest_refcat", _DATA, "Ingest a reference catalogue by sky pixel."),
    "ingest-files": Entry("files:ingest_files", _DATA, "Ingest files of one dataset type from a table."),
    "export-rubin": Entry("interop:export_rubin", _DATA, "Write an export that the Rubin Butler takes in."),
    "import-rubin": Entry("interop:import_rubin", _DATA, "Take in the export file of a Rubin repository."),
    "transfer-datasets": Entry(
        "transfers:transfer_datasets", _DATA, "Bring datasets of one repository to another one."
    ),
    "export": Entry("transfers:export", _DATA, "Write datasets to a folder, to be imported elsewhere."),
    "import": Entry("transfers:import_export", _DATA, "Take in what export wrote."),
    "bundle": Entry("transfers:bundle", _DATA, "Write datasets to a folder or zip file, to be published."),
    "ingest-zip": Entry("transfers:ingest_zip", _DATA, "Ingest a zip file whose members are datasets."),
    "sync": Entry("transfers:sync", _DATA, "Make two repositories hold the same datasets."),
    "retrieve-artifacts": Entry("files:retrieve_artifacts", _DATA, "Copy the files of datasets to a folder."),
    "register-dataset-type": Entry("dataset_types:register_dataset_type", _DATA, "Register a dataset type."),
    "alias": Entry("dataset_types:alias", _DATA, "Give a dataset type a further name."),
    "insert-dimension-records": Entry(
        "records:insert_dimension_records", _DATA, "Insert dimension records from a file."
    ),
    "remove-dimension-records": Entry("records:remove_dimension_records", _DATA, "Remove dimension records."),
    "at": Entry("at:at", _SEARCH, "List what covers a position on the sky."),
    "packer": Entry("packers:packer", _DATA, "Turn data IDs into integers and back."),
    "set-metadata": Entry("annotations:set_metadata", _DATA, "Give datasets metadata of your own."),
    "index-metadata": Entry("annotations:index_metadata", _DATA, "Index header cards or metadata."),
    "query-datasets": Entry("query:query_datasets", _SEARCH, "List datasets."),
    "metrics": Entry("metrics:metrics", _SEARCH, "Show metrics of datasets, in a column each."),
    "query-data-ids": Entry("query:query_data_ids", _SEARCH, "List data IDs."),
    "query-dimension-records": Entry("query:query_dimension_records", _SEARCH, "List records of a dimension."),
    "query-joined": Entry("joined:query_joined", _SEARCH, "List rows with one dataset of each type."),
    "query-missing": Entry("joined:query_missing", _SEARCH, "List what has no dataset of a type."),
    "query-dataset-types": Entry("query:query_dataset_types", _SEARCH, "List dataset types."),
    "query-collections": Entry(
        "collection_listing:query_collections", _SEARCH, "List collections, as trees, with counts."
    ),
    "why-dataset": Entry("calibrations:why_dataset", _SEARCH, "Say why a look-up finds what it finds."),
    "query-headers": Entry("annotations:query_headers", _SEARCH, "List header cards of datasets."),
    "origin": Entry("annotations:origin", _SEARCH, "Say where a dataset came from."),
    "lineage": Entry("lineage:lineage", _SEARCH, "Say what a dataset was made of, or what was made of it."),
    "why": Entry("lineage:why", _SEARCH, "Say why a dataset was made anew."),
    "query-activities": Entry("annotations:query_activities", _SEARCH, "List who did what, when and how."),
    "get": Entry("get:get", _DATA, "Read a dataset, or cut a piece out of it, into a file."),
    "get-uri": Entry("files:get_uri", _SEARCH, "Say where the file of a dataset is."),
    "collection-chain": Entry("collections:collection_chain", _COLLECTIONS, "Define or edit a chain of collections."),
    "associate": Entry("collections:associate", _COLLECTIONS, "Put datasets into a TAGGED collection."),
    "disassociate": Entry("collections:disassociate", _COLLECTIONS, "Take datasets out of a TAGGED collection."),
    "rename-collection": Entry("collection_listing:rename_collection", _COLLECTIONS, "Rename a collection."),
    "collection-doc": Entry("collection_listing:collection_doc", _COLLECTIONS, "Say what a collection is for."),
    "snapshot": Entry("snapshots:snapshot", _COLLECTIONS, "Name the present state, to see it again later."),
    "calibration": Entry("calibrations:calibration", _COLLECTIONS, "Draw when calibrations are valid."),
    "decertify-calibrations": Entry("calibrations:decertify", _COLLECTIONS, "Take validity from calibrations."),
    "certify-calibrations": Entry("collections:certify", _COLLECTIONS, "Give calibrations a validity range."),
    "remove-collections": Entry("removal:remove_collections", _COLLECTIONS, "Remove collections, not datasets."),
    "remove-runs": Entry("removal:remove_runs", _COLLECTIONS, "Remove RUN collections and their datasets."),
    "remove-dataset-type": Entry("removal:remove_dataset_type", _COLLECTIONS, "Remove dataset types without datasets."),
    "pipeline": Entry("pipeline:pipeline", PIPELINES, "Show, check or draw a pipeline."),
    "qgraph": Entry("graph:qgraph", PIPELINES, "Plan a run: build a quantum graph, show it, ask why."),
    "run": Entry("run:run", PIPELINES, "Run a pipeline; the same command resumes it."),
    "pre-exec-init": Entry("jobs:pre_exec_init", PIPELINES, "Prepare a run whose quanta are run by jobs."),
    "run-quanta": Entry("jobs:run_quanta", PIPELINES, "Run some quanta of a graph as one job, without a database."),
    "stage": Entry("stage:stage", PIPELINES, "Copy inputs of quanta into a folder, results out of it."),
    "merge": Entry("jobs:merge", PIPELINES, "Register what the jobs of a run have made."),
    "logs": Entry("logs:logs", PIPELINES, "Show what the quanta of a run have said, or say now."),
    "debug": Entry("debug:debug", PIPELINES, "Run one quantum again in the debugger."),
    "capsule": Entry("debug:capsule", PIPELINES, "Pack a quantum with its inputs, to run elsewhere."),
    "diff": Entry("run_comparison:diff", PIPELINES, "Compare two runs: settings, counts, times, outputs."),
    "status": Entry("watching:status", PIPELINES, "Say how far a run is, what failed, and when it ends."),
    "retry": Entry("watching:retry", PIPELINES, "Run again what failed, with more memory if you like."),
    "rerun": Entry("watching:rerun", PIPELINES, "Run quanta again, whatever they have made."),
    "report": Entry("run:report", PIPELINES, "Report on a run as one HTML page."),
    "doctor": Entry("doctor:doctor", _CARE, "Try out a repository, a store, a folder or a server."),
    "check": Entry("storage:check", _CARE, "Compare registry and files; repair."),
    "prune-datasets": Entry("removal:prune_datasets", _CARE, "Remove datasets."),
    "gc": Entry("gc:gc", _CARE, "Remove leftovers; say before what goes."),
    "undo": Entry("undo:undo", _CARE, "Take a change back: what was removed, or edited."),
    "relocate": Entry("relocate:relocate", _CARE, "Say to which folder files have moved."),
    "trash": Entry("storage:trash", _CARE, "List or empty the trash."),
    "sql": Entry("operators:sql", _SEARCH, "Ask in SQL, over views; reads only."),
    "dump": Entry("transfers:dump", _CARE, "Write everything in a repository to a folder."),
    "load": Entry("transfers:load", _CARE, "Make a repository out of a dump."),
    "overlay": Entry("overlay:overlay", _REPOSITORY, "Make a repository of your own over a release."),
    "clone": Entry("clone:clone", _CARE, "Copy the database of a repository to another one."),
    "mirror": Entry("operators:mirror", _CARE, "Copy the books to DuckDB or Parquet, for any client."),
    "stats": Entry("operators:stats", _CARE, "Count datasets and bytes: by type, run, night, user, day."),
    "completion": Entry("completion:completion", _CARE, "Let the shell complete names."),
    "recall": Entry("recall:recall", _CARE, "Order artifacts back from tape."),
    "sinks": Entry("sinks:sinks", _CARE, "Say how far sinks are; feed them."),
    "events": Entry("events:events", _CARE, "Tell others what happens: files, webhooks, brokers."),
    "cache": Entry("cache:cache", _CARE, "Show or clear the cache of artifacts from afar."),
    "formats": Entry("formats:formats", _CARE, "List the file formats, or compare them on a file."),
}
