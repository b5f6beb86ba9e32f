"""Units on the cortical sheet."""

from topogrid.analysis.sheets.sheet import Sheet

__all__ = ["Sheet"]
