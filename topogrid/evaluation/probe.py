"""How held-out animals walk."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Probe:
    """How held-out animals walk where that differs from training; the default is as in training."""

    speed_factor: float = 1.0
    """Multiplies all speeds."""
    box_factor: float = 1.0
    """Multiplies the sides of the box, at least 1. Walks start in the trained box, the only one that the encoder knows;
    rate maps cover the larger box in bins of the same size, on more samples; errors are counted in the trained box."""
    dt_factor: float = 1.0
    """Multiplies the duration of a step, a whole number or one over it. The paths are those of training, sampled more
    or less often, and everything that is counted in steps keeps its duration in seconds."""
    anchored: bool = False
    """Let the walks behind the rate maps all start in the middle of the box and be long enough to cover it. For maps of
    a network whose lattices moved: its encoder still knows the old ones, so that walks from everywhere begin at phases
    that do not agree, and blur the new ones. ``start`` maps then cover the same walks without burn-in."""

    def __post_init__(self) -> None:
        """Refuse factors that mean nothing."""
        if not self.speed_factor > 0 or not self.box_factor >= 1:
            raise ValueError(
                f"speed_factor must be above 0 and box_factor at least 1, got {self.speed_factor} and {self.box_factor}"
            )
        whole = max(self.dt_factor, 1 / self.dt_factor) if self.dt_factor > 0 else 0.5
        if abs(whole - round(whole)) > 1e-9:
            raise ValueError(f"dt_factor must be a whole number or one over it, got {self.dt_factor}")

    def steps(self, count: float) -> int:
        """Return how many steps last as long as ``count`` of training's."""
        return max(1, round(count / self.dt_factor))


AS_TRAINED = Probe()
