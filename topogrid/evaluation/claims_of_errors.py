"""What errors let a person say about path integration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from topogrid.settings.config import TrainConfig

MUCH_BETTER = 0.5  # share of the error of the best guess that path integration has to stay below


LONGEST_ASKED = 10.0  # seconds; an error at a later moment is told, but not asked of path integration


class _Errors(NamedTuple):
    """Errors over one duration, cm: of the network, and of two animals that do not integrate."""

    when: str
    network: float
    still: float
    middle: float

    @property
    def shown(self) -> bool:
        """Whether the network is far better than the better of the two guesses."""
        return self.network < MUCH_BETTER * min(self.still, self.middle)

    def __str__(self) -> str:
        """Tell all three."""
        return (
            f"{self.network:.1f} cm off {self.when} (a decoder that never updates its position: {self.still:.1f} cm, "
            f"always guessing the middle: {self.middle:.1f} cm)"
        )


def of_errors(row: Mapping[str, float], config: TrainConfig) -> str:
    """Say whether the network integrates its path, each error beside those of guesses."""
    short = _errors(
        row, f"over {config.seq_length} steps", "trajectory_error", "hold_still_short_error", "middle_short_error"
    )
    told_at = sorted(moment for moment in config.error_seconds if f"validation/error_{moment:g}s_cm" in row)
    if short is None or not told_at:
        return (
            "Path integration: cannot be said, the errors of the network and of guesses over the same durations have "
            "not all been measured."
        )
    moment = max([one for one in told_at if one <= LONGEST_ASKED], default=told_at[0])
    at = f"error_{moment:g}s"
    long = _errors(row, f"after {moment:g} s", at, f"{at}_hold_still", f"{at}_middle")
    if long is None:
        return f"Path integration: cannot be said, the errors after {moment:g} s have no value."
    told = f"Path integration: the place read out is {short}, and {long}, on {config.long_walks} long walks."
    later = [f"{row[f'validation/error_{one:g}s_cm']:.1f} cm after {one:g} s" for one in told_at if one > moment]
    if later:
        told += f" Later it is off by {', '.join(later)}."
    fed = row.get(f"validation/feedback_{at}_cm")
    if fed is not None:
        told += (
            f" With feedback from the {config.place_feedback_code} place code (strength {config.place_feedback:g}) it"
            f" is {fed:.1f} cm off after {moment:g} s."
        )
    floor = row.get("validation/floor_error_cm")
    if floor is not None:
        told += f" Reading out a perfect place code gives {floor:.1f} cm."
    failed = [errors for errors in (short, long) if not errors.shown]
    if not failed:
        return f"{told} Below half the error of the better guess both times: this is consistent with path integration."
    told += f" This does not show path integration {' or '.join(one.when for one in failed)}: {_short_of(failed)}."
    if failed == [long] and fed is not None and long._replace(network=fed).shown:
        told += " With feedback it is consistent with path integration."
    return told


def _short_of(failed: Sequence[_Errors]) -> str:
    """Say how far the errors of the network are from half that of the better guess."""
    worse = [one.network >= min(one.still, one.middle) for one in failed]
    if all(worse):
        return "the network is no better than the better guess"
    if not any(worse):
        return "the network is better than the better guess, but not twice as good"
    no_better, better = (
        one.when for _worse, one in sorted(zip(worse, failed, strict=True), key=lambda pair: not pair[0])
    )
    return f"the network is no better than the better guess {no_better}, and less than twice as good {better}"


def _errors(row: Mapping[str, float], when: str, *names: str) -> _Errors | None:
    found = [row.get(f"validation/{name}_cm") for name in names]
    network, still, middle = found
    return None if network is None or still is None or middle is None else _Errors(when, network, still, middle)


def of_unknown_places() -> str:
    """Say why nothing can be said of errors."""
    return (
        "Path integration: cannot be said, the place cells are not those of training. Walks also start from a wrong "
        "idea of the place, so a lack of grid cells below says nothing about the network."
    )
