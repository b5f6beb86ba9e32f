"""Captions that say how long and how many, where that is a setting."""

from __future__ import annotations

from topogrid.settings.config import TrainConfig


def captions_of(config: TrainConfig) -> dict[str, str]:
    """Return the captions of figures, by tracked name, that say more than those of `FIGURES`."""
    seconds = f"{config.long_seconds:g} s"
    return {
        "validation/long_error": f"Decoding error along {config.long_walks:,} walks of {seconds}, cm.",
        "validation/trajectories": f"True and decoded paths of held-out walks of {seconds}.",
    }
