"""How a network learns: batches, loss terms, a step, and what takes it on one device or several."""
