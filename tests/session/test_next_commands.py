"""What a run proposes to go on with can be pasted."""

import shlex
from pathlib import Path

from topogrid.session.next_commands import next_commands, resuming_command


def test_a_path_with_blanks_is_one_argument() -> None:
    path = Path("my runs/it's one")
    assert shlex.split(resuming_command(path)) == ["topogrid", "train", "--resume", str(path)]
    assert shlex.split(next_commands(path)) == ["topogrid", "open", str(path), "topogrid", "intervene", str(path)]


def test_a_path_with_a_dash_in_front_is_no_flag() -> None:
    assert resuming_command(Path("-d/a")) == "topogrid train --resume ./-d/a"
    assert next_commands(Path("-d/a")) == "topogrid open ./-d/a   topogrid intervene ./-d/a"
