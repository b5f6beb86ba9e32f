"""What can be wrong with what a run left on disk."""


class CheckpointError(Exception):
    """A checkpoint could not be saved, found or read; the message is one sentence for a person."""


class CorruptCheckpointError(CheckpointError):
    """The content of a checkpoint file is not what was saved."""


class NoCheckpointError(CheckpointError):
    """There is nothing to resume from."""
