"""What is tracked of path integration: decoding errors beside those of animals that do not integrate."""

import re

from topogrid.measures.record import Measure

EVALUATED_GROUP = "validation/"
"""Begins the name of what an evaluation measures."""

ERROR = Measure(
    "validation/trajectory_error_cm",
    "Mean decoding error on held-out walks of the training length, cm.",
    "error, training length",
    "error",
    "cm",
)
STILL_SHORT = Measure(
    "validation/hold_still_short_error_cm",
    "Error of a decoder that stays at the start, over the same walks, cm.",
    "error, holding still, training length",
    "sitting still",
    "cm",
    panel=False,
)
DIRECTION_ERROR = Measure(
    "validation/head_direction_error_deg",
    "Mean angle between decoded and true head direction on held-out walks of the training length, degrees; 90 is "
    "chance. Only with head-direction cells.",
    "error of head direction",
    "direction",
    "degrees",
    panel=False,
)
MIDDLE_SHORT = Measure(
    "validation/middle_short_error_cm",
    "Error of always guessing the middle of the box, over the same walks, cm.",
    panel=False,
)
LONG_ERROR = Measure(
    "validation/long_error_cm",
    "Mean decoding error on held-out long walks (long_seconds), cm.",
    "error, long walks",
    "long error",
    "cm",
)
STILL_LONG = Measure(
    "validation/hold_still_error_cm",
    "Error of a decoder that stays at the start of these, cm: the baseline.",
    "error, holding still on long walks",
    "long walks, sitting still",
    "cm",
)
BEST_STEP = Measure("validation/best_step", "Step of the checkpoint with the smallest error.", digits=0)
BEST_ERROR = Measure("validation/best_error_cm", "That error, on held-out walks of the training length, cm.")
PREDICTED_SPACING = Measure(
    "validation/predicted_spacing_m",
    "Spacing that pattern-formation theory predicts from the place-field width, m.",
    "predicted spacing",
    "theory",
    "m",
    digits=3,
)
DECODING = (
    Measure("validation/share_negative", "Share of hidden states below zero.", panel=False),
    Measure("validation/share_negative_slow", "The same in the fifth of units with the largest tau."),
    Measure("validation/share_negative_fast", "The same in the fifth of units with the smallest tau."),
    PREDICTED_SPACING,
    Measure("validation/forming_spacing_m", "Spacing that the same theory predicts before movement is integrated, m."),
    ERROR,
    Measure(
        "validation/ce_loss",
        "Cross-entropy of the predicted place code on held-out walks of the training length, nats: as train/ce_loss.",
    ),
    DIRECTION_ERROR,
    STILL_SHORT,
    MIDDLE_SHORT,
    LONG_ERROR,
    STILL_LONG,
    Measure(
        "validation/floor_error_cm",
        "Error of decoding the true place code on these: what a perfect integrator has, cm.",
        panel=False,
    ),
    BEST_STEP,
    BEST_ERROR,
)
MODULE_SLOPE = Measure(
    "validation/module_scaling_slope",
    "Slope of log spacing on log tau over modules (median spacing and mean tau).",
    "slope of log spacing on log tau over modules",
    "slope",
    digits=3,
)
MODULES = (
    Measure(
        "validation/n_modules_with_spacing",
        "Modules (patches of the sheet) where 5 or more grid cells have a spacing.",
    ),
    MODULE_SLOPE,
    Measure("validation/module_spacing_spread", "Standard deviation over modules of log spacing.", panel=False),
    Measure(
        "validation/module_within_spread",
        "Standard deviation of log spacing inside a module, median over modules.",
        panel=False,
    ),
)

MOMENTS = ("0.4", "2", "10", "30", "60")
"""Seconds into the long walks at which errors are told by default."""

AT_A_MOMENT = (
    Measure("validation/error_{}s_cm", "Mean decoding error {} s into the long walks, cm."),
    Measure("validation/error_{}s_median_cm", "Median decoding error {} s into the long walks, cm.", panel=False),
    Measure(
        "validation/error_{}s_hold_still_cm",
        "Error of a decoder that stays at the start, {} s into the long walks, cm.",
        panel=False,
    ),
    Measure(
        "validation/error_{}s_middle_cm",
        "Error of always guessing the middle of the box, {} s into the long walks, cm.",
        panel=False,
    ),
    Measure(
        "validation/feedback_error_{}s_cm",
        "Mean decoding error with feedback from the place code, {} s into them, cm.",
    ),
    Measure(
        "validation/feedback_error_{}s_median_cm",
        "Median decoding error with that feedback, {} s into the long walks, cm.",
        panel=False,
    ),
)
"""Errors at moments that a run chooses, ``{}`` standing for the moment in seconds."""

_MOMENT = re.compile(r"(?<=error_)\d+(\.\d+)?(e[+-]\d+)?(?=s_)")


def moment_of(key: str) -> str | None:
    """Return the moment of which a key tells an error, seconds; ``None`` if it tells none."""
    found = _MOMENT.search(key)
    return None if found is None else found[0]


def at_its_moment(key: str) -> Measure | None:
    """Return what a key at any moment of the long walks is."""
    moment = moment_of(key)
    form = _MOMENT.sub("{}", key)
    found = next((one for one in AT_A_MOMENT if one.key == form), None) if moment else None
    return None if found is None else found._replace(key=key, about=found.about.format(moment))
