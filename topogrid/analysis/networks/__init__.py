"""Whole networks compared: intervals, tests and groups, one value a network."""
