"""What a run is on disk: its folder, its rows of metrics and its checkpoints."""
