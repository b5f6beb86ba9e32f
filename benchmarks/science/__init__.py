"""What networks learn and what measurements are worth: runs, ground truth, published tables."""
