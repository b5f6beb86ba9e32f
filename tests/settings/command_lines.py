"""Settings out of a command line, for tests of settings."""

from topogrid.cli.flags import parse_arguments
from topogrid.settings.config import TrainConfig


def parse(line: str) -> TrainConfig:
    return parse_arguments(line.split()).config
