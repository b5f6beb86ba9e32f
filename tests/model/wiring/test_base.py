"""Whatever a wiring leaves as it is changes nothing, and each brings units into an order that it undoes."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.model.networks import CONFIGS, config_of
from topogrid.model.wiring import WIRINGS
from topogrid.model.wiring.base import Wiring
from topogrid.settings.config import TrainConfig


class Plain(Wiring):
    """The least that a wiring can be."""

    @classmethod
    def from_config(cls, config: TrainConfig) -> Wiring:
        return cls((config.n_grid_cells,) * 2)

    @property
    def n_units(self) -> int:
        return len(self.weight)

    def initialise(self, network: Any, config: TrainConfig, generator: torch.Generator) -> None:
        nn.init.eye_(self.weight)

    def silence(self, units: Tensor) -> None:
        self.weight[units] = 0


@pytest.mark.parametrize("word", WIRINGS)
def test_the_order_of_products_is_undone_and_one_for_values_and_states(word: str) -> None:
    config = config_of(next(kind for kind in CONFIGS if kind.startswith(word)))
    wiring = WIRINGS[word].from_config(config)
    states = torch.rand(3, 2, config.n_grid_cells, generator=torch.Generator().manual_seed(0))
    arranged = torch.stack([wiring.arrange_states(state) for state in states])
    assert torch.equal(wiring.restore_states(arranged), states)
    assert torch.equal(wiring.arrange(states[0, 1]), arranged[0].unbind(-2)[1])


def test_by_default_units_keep_their_order_their_fit_and_their_learning_rate() -> None:
    wiring, network = Plain((4, 4)), nn.Linear(2, 2)
    values = torch.arange(4.0)
    assert wiring.arrange(values) is values
    assert wiring.arrange_states(values) is values
    assert wiring.restore_states(values) is values
    assert wiring.width_scale == 1.0
    before = {name: value.clone() for name, value in network.state_dict().items()}
    wiring.fit(network, None, None)  # type: ignore[arg-type]
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_the_penalty_is_on_the_weights_and_cutting_them_ends_it() -> None:
    wiring = Plain((4, 4))
    nn.init.constant_(wiring.weight, 2.0)
    assert wiring.penalty("zero").item() == 64.0
    assert wiring.penalty("identity").item() == 12 * 4 + 4 * 1
    wiring.cut()
    assert wiring.penalty("zero").item() == 0.0


def test_every_wiring_says_itself_how_it_begins_and_how_units_are_cut_off() -> None:
    for name in ("from_config", "initialise", "silence", "n_units"):
        assert all(getattr(one, name) is not getattr(Wiring, name) for one in WIRINGS.values()), name
