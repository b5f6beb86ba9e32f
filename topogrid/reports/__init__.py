"""What people open: the page of a run, and comparisons of runs."""
