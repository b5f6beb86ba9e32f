"""Published networks can be opened without training: their weights are small, whole, and of the run of their record."""

import json
from pathlib import Path

import pytest
import torch

from topogrid.settings.saved import from_mapping
from topogrid.trained.opening import PUBLISHED, open_trained

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDERS = sorted(path.parent for path in (ROOT / "tau_imgs").glob(f"*/{PUBLISHED}"))
LARGEST = 5_000_000  # bytes


def test_one_of_each_wiring_is_published() -> None:
    assert {open_trained(folder).config.wiring for folder in FOLDERS} == {"attractor", "learned"}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_weights_are_those_of_the_record(folder: Path) -> None:
    assert (folder / PUBLISHED).stat().st_size < LARGEST
    trained = open_trained(folder)
    record = from_mapping(json.loads((folder / "record" / "config.json").read_text()), "the record").config
    for name in ("wiring", "n_grid_cells", "modules_per_side", "tau_min", "tau_max", "dt", "seed", "steps"):
        assert getattr(trained.config, name) == getattr(record, name), name
    assert trained.step == record.steps


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_they_know_where_they_are(folder: Path) -> None:
    """A second of walks: far better than sitting still, which half precision must not spoil."""
    trained = open_trained(folder)
    config, network, places = trained.config, trained.network, trained.place_cells
    generator = torch.Generator().manual_seed(0)
    start = 1.6 * (torch.rand(40, 2, generator=generator) - 0.5)
    heading = 2 * torch.pi * torch.rand(40, generator=generator)
    steps = round(1.0 / config.dt)
    move = 0.25 * config.dt * torch.stack((heading.cos(), heading.sin()), dim=-1).expand(steps, 40, 2)
    with torch.no_grad():
        logits = network(places.encode(start), move).logits
    assert logits is not None
    error = 100 * places.error(places.decode(logits[-1:]), (start + move.sum(dim=0))[None]).mean()
    assert error < 10.0
