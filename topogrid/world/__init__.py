"""Where an animal is: simulated and recorded walks, and the place code of a position."""
