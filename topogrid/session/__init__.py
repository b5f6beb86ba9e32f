"""One run of training from its settings to its finished folder, and what is reported along the way."""
