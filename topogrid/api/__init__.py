"""topogrid in Python: what ``import topogrid`` offers, and the objects that it returns."""
