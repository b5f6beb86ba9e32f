"""Every word of the setting is a network, drawn from the generator that is handed in."""

import dataclasses

import torch

from topogrid.model.build import NETWORKS, build_network
from topogrid.settings.config import TrainConfig


def test_every_word_of_the_setting_is_a_network() -> None:
    field = next(field for field in dataclasses.fields(TrainConfig) if field.name == "network")
    assert set(field.metadata["choices"]) == set(NETWORKS)
    for word, kind in NETWORKS.items():
        config = TrainConfig(preset="smoke", network=word)
        networks = [build_network(config, generator=torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)]
        assert all(type(network) is kind for network in networks)
        assert networks[0].n_units == config.n_grid_cells
        one, again, other = (torch.cat([weight.flatten() for weight in network.parameters()]) for network in networks)
        assert torch.equal(one, again)
        assert not torch.equal(one, other)
