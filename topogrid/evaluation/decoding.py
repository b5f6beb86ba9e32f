"""How well the read-out knows the place along long walks, beside what no network would know."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from topogrid.evaluation.held_out import in_parts, walk_in_parts
from topogrid.evaluation.maps import StreamedMaps, error_inside
from topogrid.evaluation.probe import AS_TRAINED, Probe
from topogrid.evaluation.results import Decoding
from topogrid.model.network import Feedback, PathIntegrator
from topogrid.settings.config import TrainConfig
from topogrid.settings.cost import MOST_MOMENTS
from topogrid.trained.trained import Trained
from topogrid.world.place_cells import PlaceCells
from topogrid.world.walks import Walks

Float = NDArray[np.float64]


SHOWN_WALKS = 6  # walks kept whole, for the picture of decoded paths


def measure_decoding(
    trained: Trained,
    probe: Probe,
    short: StreamedMaps,
    generator: torch.Generator,
) -> Decoding:
    """Follow long walks with and without feedback, beside the baselines; ``short`` holds errors of training length."""
    network, place_cells, config = trained.network, trained.place_cells, trained.config
    n_steps = probe.steps(config.long_seconds / config.dt)
    walks = walk_in_parts(config, probe, config.long_walks, n_steps, generator, config.box_size)
    at = moments_of(n_steps, [probe.steps(seconds / config.dt) for seconds in config.error_seconds])
    position = walks.position[torch.from_numpy(at).to(walks.position.device)]
    decoded = follow(network, place_cells, walks, at=at)
    perfect = place_cells.decode(place_cells.encode(position))

    def errors_cm(believed: torch.Tensor) -> Float:
        error: Float = error_inside(place_cells, believed, position).cpu().double().numpy()
        return 100 * error

    error, shown = errors_cm(decoded), slice(0, SHOWN_WALKS)
    fed = np.full_like(error, math.nan)
    feedback = feedback_of(config, place_cells, probe)
    if feedback is not None:
        fed = errors_cm(follow(network, place_cells, walks, at=at, feedback=feedback))
    with warnings.catch_warnings():
        # No animal is in the trained box at that moment: NaN says so.
        warnings.filterwarnings("ignore", "Mean of empty slice|All-NaN slice", RuntimeWarning)
        return Decoding(
            error_cm=short.error_cm,
            seconds=config.dt * probe.dt_factor * np.arange(1, n_steps + 1, dtype=np.float64)[at],
            long_error_cm=np.nanmean(error, axis=1),
            long_quartiles_cm=np.nanquantile(error, (0.25, 0.75), axis=1),
            hold_still_cm=np.nanmean(errors_cm(walks.start.expand_as(position)), axis=1),
            floor_cm=float(np.nanmean(errors_cm(perfect))),
            true_paths=position[:, shown].transpose(0, 1).cpu().double().numpy(),
            decoded_paths=decoded[:, shown].transpose(0, 1).cpu().double().numpy(),
            long_median_cm=np.nanmedian(error, axis=1),
            middle_cm=np.nanmean(errors_cm(torch.zeros_like(position)), axis=1),
            feedback_error_cm=np.nanmean(fed, axis=1),
            feedback_median_cm=np.nanmedian(fed, axis=1),
            hold_still_short_cm=short.hold_still_cm,
            middle_short_cm=short.middle_cm,
            ce_loss=short.ce_loss,
            direction_error_deg=short.direction_error_deg,
        )


def feedback_of(config: TrainConfig, place_cells: PlaceCells, probe: Probe = AS_TRAINED) -> Feedback | None:
    """Return the loop from place code to units that the settings ask for, ``None`` where they ask for none."""
    if not config.place_feedback:
        return None
    code = place_cells.fed_back(config.place_feedback_code)
    return Feedback(config.place_feedback, probe.steps(config.place_feedback_every), code)


def moments_of(n_steps: int, wanted: Sequence[int]) -> NDArray[np.int64]:
    """Choose the steps, counted from 0, at which errors are taken: all, or few enough, the last and the wanted ones."""
    told = {step - 1 for step in wanted if step <= n_steps} | {n_steps - 1}
    every = 1 if n_steps <= MOST_MOMENTS else math.ceil(n_steps / max(1, MOST_MOMENTS - len(told)))
    return np.array(sorted(told.union(range(every - 1, n_steps, every))), dtype=np.int64)


@torch.no_grad()
def follow(
    network: PathIntegrator,
    place_cells: PlaceCells,
    walks: Walks,
    *,
    feedback: Feedback | None = None,
    at: NDArray[np.int64] | None = None,
    steps_at_once: int = 100,
    done: Callable[[int], None] | None = None,
) -> torch.Tensor:
    """Where the network thinks walks have got to, told only where they began and how they moved.

    Parameters
    ----------
    network, place_cells
        What was trained.
    walks : Walks
        Of any length; activity is held for ``steps_at_once`` steps only.
    feedback : Feedback, optional
        Closes the loop from the predicted place code back to the units.
    at : ndarray of int, ``(time,)``, optional
        Steps at which the place is decoded, counted from 0, in rising order; all by default.
    done : callable, optional
        Told the number of further steps, over all walks, part after part.

    Returns
    -------
    Tensor, ``(time, batch, 2)``
        Decoded positions, metres.
    """
    decoded, before, (n_steps, n_walks) = [], 0, walks.displacement.shape[:2]
    moments = None if at is None else at.tolist()
    for first, activity in in_parts(network, place_cells, walks, steps_at_once, feedback, moments):
        if done is not None and first:
            done((first - before) * n_walks)
        decoded.append(place_cells.decode(network.read_out(activity)))
        before = first
    if done is not None:
        done((n_steps - before) * n_walks)
    return torch.cat(decoded)
