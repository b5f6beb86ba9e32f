"""Measurements of speed and of agreement between devices; never part of the tests' verdict on time."""
