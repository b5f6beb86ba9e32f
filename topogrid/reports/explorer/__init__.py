"""The sheet explorer ``report.html``: a run on one page."""

from topogrid.reports.explorer.page import is_current, write_report

__all__ = ["is_current", "write_report"]
