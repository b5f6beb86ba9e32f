import os
import subprocess

import numpy as np
import pytest
import torch

from topogrid import streams as reproducibility
from topogrid.streams import PURPOSES, make_generators, numpy_generator, restore_generators, versions


def test_streams_depend_on_seed_and_name_only():
    def draw(seed, *wanted):
        return {name: torch.rand(8, generator=g) for name, g in make_generators(seed, "cpu", wanted).items()}

    both = draw(0, "weights", "walks")
    assert torch.equal(draw(0, "walks")["walks"], both["walks"])
    assert not torch.equal(both["weights"], both["walks"])
    assert not torch.equal(draw(1, "walks")["walks"], both["walks"])
    with pytest.raises(ValueError, match="-1"):
        make_generators(-1, "cpu", ("walks",))


def test_states_of_other_generators_are_refused():
    generators = make_generators(0, "cpu", ("walks",))
    with pytest.raises(ValueError, match="weights"):
        restore_generators(generators, {"weights": torch.zeros(1)})
    with pytest.raises(ValueError, match="resume on the device"):
        restore_generators(generators, {"walks": torch.zeros(16, dtype=torch.uint8)})


@pytest.mark.parametrize(
    ("program", "told"),
    [
        ("/somewhere/train_grid.py", "train_grid.py"),
        ("/bin/topogrid", "topogrid"),
        ("/a/topogrid/__main__.py", "topogrid"),
    ],
)
def test_a_command_is_told_without_where_its_program_lies(monkeypatch, program, told):
    monkeypatch.setattr("sys.argv", [program, "--steps", "3"])
    assert versions()["command"] == f"{told} --steps 3"


def test_versions_are_plain_text(tmp_path):
    found = versions()
    assert {"python", "torch", "numpy", "scipy", "matplotlib", "wandb", "topogrid", "platform", "command"} <= set(found)
    assert found["torch"] == torch.__version__
    assert all(isinstance(value, str) and value for value in found.values())
    assert reproducibility._git_commit(tmp_path) == ""


def test_commit_is_found_in_a_checkout(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    (tmp_path / "file").write_text("1")
    for command in (["init", "-q"], ["add", "file"], [*who, "commit", "-q", "-m", "x"]):
        subprocess.run(["git", "-C", str(tmp_path), *command], check=True)
    commit = reproducibility._git_commit(tmp_path)
    assert len(commit) == 40
    (tmp_path / "file").write_text("2")
    assert reproducibility._git_commit(tmp_path) == f"{commit}+changes"


def test_numpy_streams_have_a_number_each_that_stays():
    assert len(set(PURPOSES.values())) == len(PURPOSES)
    drawn = numpy_generator(3, "coupling").random(4)
    assert (drawn == np.random.default_rng([3, 21]).random(4)).all()
    with pytest.raises(KeyError):
        numpy_generator(3, "something else")
