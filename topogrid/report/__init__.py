"""The sheet explorer ``report.html``: a run on one page."""

from topogrid.report.page import is_current, write_report

__all__ = ["is_current", "write_report"]
