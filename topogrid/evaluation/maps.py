"""Rate maps of a network, summed up while it walks."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from topogrid.analysis import (
    RateMapAccumulator,
    RateMaps,
)
from topogrid.evaluation.held_out import held_out_activity, how_much, walked_box
from topogrid.evaluation.probe import Probe
from topogrid.model.head_directions import decode_directions, direction_errors
from topogrid.settings.config import TrainConfig
from topogrid.trained.trained import Trained
from topogrid.training.losses import place_cross_entropy
from topogrid.world.place_cells import PlaceCells

Float = NDArray[np.float64]


@dataclass(frozen=True)
class StreamedMaps:
    """Rate maps of both views, and errors over steps of training length, cm."""

    settled: RateMaps
    start: RateMaps
    negative_share: Float
    error_cm: float
    hold_still_cm: float
    middle_cm: float
    ce_loss: float
    """Cross-entropy of the place code over the same steps, nats; NaN where animals leave the trained box."""
    direction_error_deg: float
    """Angle between decoded and true head direction over the same steps, degrees; NaN without head-direction cells."""


class MeanError:
    """Mean of errors that come part by part."""

    def __init__(self) -> None:
        self._sum, self._n = 0.0, 0

    def add(self, error: torch.Tensor) -> None:
        """Count errors in metres or degrees, or costs in nats; NaN is none."""
        self._sum += float(error.nansum(dtype=torch.float64))
        self._n += int(error.isfinite().sum())

    @property
    def mean(self) -> float:
        """Mean of what was counted; NaN without any."""
        return self._sum / self._n if self._n else math.nan

    @property
    def cm(self) -> float:
        """Mean in centimetres; NaN without any."""
        return 100 * self._sum / self._n if self._n else math.nan


def stream_rate_maps(
    trained: Trained,
    probe: Probe,
    generator: torch.Generator,
    burn_in: int,
) -> StreamedMaps:
    """Walk, and forget what was counted: memory does not grow with the number or the length of the walks."""
    network, place_cells, config = trained.network, trained.place_cells, trained.config
    settled, start = accumulator_of(config, probe), accumulator_of(config, probe)
    negative = torch.zeros(config.n_grid_cells, dtype=torch.float64)
    network_error, still, middle, cost, turned = (MeanError() for _ in range(5))
    as_trained, counts = probe.steps(config.seq_length), how_much(config, probe)
    for first, activity, position, displacement, began in held_out_activity(trained, probe, generator, burn_in):
        from_start, once_settled = slice(0, max(0, counts.start - first)), slice(max(0, burn_in - first), None)
        for accumulator, steps in ((start, from_start), (settled, once_settled)):
            count_rates(accumulator, position[steps].flatten(0, 1), activity[steps].flatten(0, 1))
        negative += below_zero(activity[once_settled].flatten(0, 1)).cpu()
        if first < as_trained:
            truth = position[: as_trained - first]
            logits = network.read_out(activity[: as_trained - first])
            decoded = place_cells.decode(logits)
            if probe.box_factor == 1:
                cost.add(_cross_entropies(place_cells, logits, truth))
            network_error.add(error_inside(place_cells, decoded, truth))
            still.add(error_inside(place_cells, began.expand_as(truth), truth))
            if (directions := network.read_directions(activity[: as_trained - first])) is not None:
                turned.add(direction_errors(decode_directions(directions), displacement[: as_trained - first]))
            middle.add(error_inside(place_cells, torch.zeros_like(truth), truth))
    return StreamedMaps(
        settled.rate_maps(),
        start.rate_maps(),
        (negative / (counts.n_walks * counts.settled)).numpy(),
        network_error.cm,
        still.cm,
        middle.cm,
        cost.mean,
        turned.mean,
    )


def below_zero(activity: torch.Tensor) -> torch.Tensor:
    """Count the samples of ``(sample, unit)`` in which a unit is below zero: ``(unit,)``, whole numbers as doubles."""
    if not activity.numel() or float(activity.amin()) >= 0:
        return activity.new_zeros(activity.shape[1], dtype=torch.float64)
    # A product sums columns many times faster, and in single precision exactly up to 2 ** 24 samples.
    parts = torch.split((activity < 0).to(torch.float32), 1 << 24)
    return torch.stack([(part.new_ones(1, len(part)) @ part)[0].double() for part in parts]).sum(dim=0)


def _cross_entropies(place_cells: PlaceCells, logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Return the loss of each step, nats, for each walk ``(time, batch)``: so all count alike in parts of any size."""
    populations = [population.cells for population in place_cells.populations]
    code = place_cells.encode(truth)
    steps = [place_cross_entropy(one, wanted, populations) for one, wanted in zip(logits, code, strict=True)]
    return torch.stack(steps)[:, None].expand(logits.shape[:2])


def accumulator_of(config: TrainConfig, probe: Probe) -> RateMapAccumulator:
    """Return empty sums of rates over the box that is walked in."""
    bins = round(config.eval_bins * probe.box_factor)
    return RateMapAccumulator(config.n_grid_cells, walked_box(config, probe), bins)


def count_rates(accumulator: RateMapAccumulator, position: torch.Tensor, activity: torch.Tensor) -> None:
    """Add samples ``(sample, ...)``, summed on the device: a map comes back from it, not every unit at every moment."""
    if not len(position):
        return
    cells = accumulator.cells(position.double().cpu().numpy())
    sums = activity.new_zeros(accumulator.n_cells, activity.shape[1])
    sums.index_add_(0, torch.from_numpy(cells).to(activity.device), activity)
    accumulator.add_sums(cells, sums.cpu().numpy())


def error_inside(place_cells: PlaceCells, decoded: torch.Tensor, position: torch.Tensor) -> torch.Tensor:
    """Return decoding errors in metres; NaN outside the trained box, where no place cell could be right."""
    half = torch.tensor(place_cells.box_size, device=position.device) / 2
    inside = (position.abs() <= half * (1 + 1e-6)).all(dim=-1)
    return place_cells.error(decoded, position).where(inside, math.nan)
