"""Repositories, exports and tasks of the Rubin Observatory's system, read where they are."""

from bunter.interop.export_file import ExportFile, read_export
from bunter.interop.rubin_export import RubinExport, export_rubin
from bunter.interop.rubin_import import ImportReport, import_rubin

__all__ = ["ExportFile", "ImportReport", "RubinExport", "export_rubin", "import_rubin", "read_export"]
