"""Change one thing in a trained network and measure everything again."""
