"""What following a walk came to, told and drawn."""

from __future__ import annotations

import math
import warnings
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from topogrid import figures
from topogrid.evaluation.gallery import network_of
from topogrid.settings.config import TrainConfig
from topogrid.streams import numpy_generator

Float = NDArray[np.float64]


class Followed(NamedTuple):
    """A walk in pieces, each begun from the true place; NaN where the last piece has ended.

    Attributes
    ----------
    seconds : ndarray, ``(time,)``
        Time since the start of a piece.
    true, decoded : ndarray, ``(piece, time, 2)``
        Positions, metres from the middle of the recorded area.
    error_cm, still_cm, middle_cm : ndarray, ``(piece, time)``
        Decoding error; error of an animal that believes it never left where the piece began; error of always guessing
        the middle of the recorded area.
    feedback_decoded, feedback_error_cm : ndarray or None
        The same as ``decoded`` and ``error_cm`` with the loop from place code to units closed, where there is one.
    """

    seconds: Float
    true: Float
    decoded: Float
    error_cm: Float
    still_cm: Float
    middle_cm: Float
    feedback_decoded: Float | None = None
    feedback_error_cm: Float | None = None

    def errors(self) -> figures.Errors:
        """Return errors over pieces at each time since their start."""
        looped = self.feedback_error_cm
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Mean of empty slice|All-NaN slice", RuntimeWarning)
            return figures.Errors(
                mean=np.nanmean(self.error_cm, axis=0),
                median=np.nanmedian(self.error_cm, axis=0),
                band=np.nanquantile(self.error_cm, (0.25, 0.75), axis=0),
                feedback_mean=None if looped is None else np.nanmean(looped, axis=0),
                feedback_median=None if looped is None else np.nanmedian(looped, axis=0),
                still=np.nanmean(self.still_cm, axis=0),
                middle=np.nanmean(self.middle_cm, axis=0),
            )

    def summary(self) -> dict[str, float]:
        """Return mean and median errors in centimetres, over all steps and at the ends of whole pieces."""
        found: dict[str, float] = {}
        kinds = {"": self.error_cm, "feedback_": self.feedback_error_cm}
        for name, error in (kinds | {"hold_still_": self.still_cm, "middle_": self.middle_cm}).items():
            if error is not None:
                found |= {
                    f"{name}mean_error_cm": float(np.nanmean(error)),
                    f"{name}median_error_cm": float(np.nanmedian(error)),
                    f"{name}mean_error_at_end_cm": float(np.nanmean(error[:, -1])),
                    f"{name}median_error_at_end_cm": float(np.nanmedian(error[:, -1])),
                }
        return found

    def record(self) -> dict[str, Any]:
        """Return the summary with the size of the pieces, as JSON takes it: what is not finite is ``None``."""
        found = {name: value if math.isfinite(value) else None for name, value in self.summary().items()}
        return {"pieces": len(self.true), "piece_seconds": float(self.seconds[-1]), **found}


def told(followed: Followed, walk: str, seconds: float) -> list[str]:
    """Say in lines how far off the network was, and what nobody needs a network for."""
    found, each = followed.summary(), float(followed.seconds[-1])
    once = len(followed.true) == 1
    lines = [
        f"Followed {walk} for {seconds:.0f} s, told the place {'once' if once else f'every {each:.6g} s'}.",
        "Errors in cm, mean (median):",
    ]
    names = {"": "network", "feedback_": "network, with feedback", "hold_still_": "sitting still"}
    for name, who in (names | {"middle_": "always guessing the middle"}).items():
        if f"{name}mean_error_cm" in found:
            over, end = (
                f"{found[f'{name}mean_error{when}_cm']:.1f} ({found[f'{name}median_error{when}_cm']:.1f})"
                for when in ("", "_at_end")
            )
            lines.append(f"  {who + ':':<28}{over} over {'all' if once else f'the {each:g} s'}, {end} at the end")
    return lines


def draw_followed(followed: Followed, config: TrainConfig, name: str) -> Figure:
    """Draw pieces of the walk called ``name`` and the error since they began, or the one piece that it is whole."""
    found = followed.summary()
    detail = (
        f"mean error {found['mean_error_cm']:.1f} cm (sitting still {found['hold_still_mean_error_cm']:.1f}, "
        f"guessing the middle {found['middle_mean_error_cm']:.1f})"
    )
    walk = figures.FollowedPaths(
        followed.true,
        followed.decoded,
        followed.seconds,
        followed.errors(),
        config.box_size,
        followed.feedback_decoded,
        name,
        detail,
    )
    if len(followed.true) == 1:
        fed = None if followed.feedback_decoded is None else followed.feedback_decoded[0]
        one = walk._replace(true=followed.true[0], decoded=followed.decoded[0], feedback=fed)
        return figures.followed_whole(one, network=network_of(config))
    return figures.followed_pieces(walk, rng=numpy_generator(config.seed, "walks shown"), network=network_of(config))
