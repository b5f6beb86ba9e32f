"""Encoder and read-out of an attractor are fitted to places all over the box, the same every time."""

import pytest
import torch
from torch import Tensor

from tests.model.networks import config_of
from topogrid.model.network import PathIntegrator
from topogrid.model.units import TauRNN
from topogrid.model.wiring import fitting
from topogrid.model.wiring.fitting import along_rays
from topogrid.streams import make_generators
from topogrid.world.place_cells import PlaceCells


def test_encoder_and_readout_of_an_untrained_attractor_know_the_place() -> None:
    config = config_of("attractor", n_place_cells=256, pc_width=(0.12,))
    generators = make_generators(0, "cpu", ("weights", "place_cells"))
    network = PathIntegrator.from_config(config, generator=generators["weights"])
    cells = PlaceCells.from_config(config, generators["place_cells"])
    network.units.wiring.fit(network, cells, config)
    first = {name: value.clone() for name, value in network.state_dict().items()}
    network.units.wiring.fit(network, cells, config)
    assert all(torch.equal(first[name], value) for name, value in network.state_dict().items())
    places, states = along_rays(network, config.box_size, torch.tensor(0.3), states_of(network))
    error = cells.error(cells.decode(network.read_out(states)), places)
    assert error.median() < 0.2
    again = network.start_state(cells.encode(places))
    assert torch.corrcoef(torch.stack((again.flatten(), states.flatten())))[0, 1] > 0.7


def states_of(network: PathIntegrator) -> Tensor:
    generator = make_generators(0, "cpu", ("fit",))["fit"]
    return 0.1 * torch.rand(network.units.wiring.n_units, generator=generator)


@pytest.mark.parametrize("samples", [5, 40])
def test_ridge_regression_has_no_gradient_left_whichever_way_it_is_solved(samples: int) -> None:
    """Its cost is the squared error plus the strength times the mean square of inputs times squared weights."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(samples, 12, generator=generator, dtype=torch.double)
    outputs = torch.randn(samples, 3, generator=generator, dtype=torch.double)
    found = fitting._ridge(inputs, outputs, 0.02).requires_grad_()
    cost = (inputs @ found.t() - outputs).square().sum() + 0.02 * inputs.square().sum() / 12 * found.square().sum()
    (gradient,) = torch.autograd.grad(cost, found)
    assert gradient.abs().max() < 1e-10 * outputs.abs().sum()


def test_rays_reach_every_wall_and_stop_at_even_distances() -> None:
    units = TauRNN(4, drive=1.0)
    with torch.no_grad():
        units.w_in.zero_()
        units.wiring.cut()
    network = PathIntegrator(3, units)
    with torch.no_grad():
        places, states = along_rays(network, (2.0, 1.0), torch.tensor(0.1), torch.zeros(4))
    stops = places.reshape(-1, fitting.N_RAYS, 2)
    assert len(states) == len(places)
    last = stops[-1].abs()
    torch.testing.assert_close((last / torch.tensor([1.0, 0.5])).amax(dim=-1), torch.ones(fitting.N_RAYS))
    torch.testing.assert_close(stops.diff(dim=0), stops[:1].expand_as(stops[1:]), rtol=1e-3, atol=1e-5)
    assert (stops[-1][:, 0] > 0.99).any()
    assert (stops[-1][:, 1] < -0.49).any()
