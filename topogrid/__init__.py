"""topogrid: train path integrators on a cortical sheet and ask what sets the scale of their grid cells."""

__version__ = "0.3.0"
