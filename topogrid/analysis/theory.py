"""What linear theory expects of a path integrator trained on a difference-of-Gaussians place code."""

import math

__all__ = ["predicted_spacing"]


def predicted_spacing(sigma: float, surround_scale: float = 2.0) -> float:
    """Return the grid spacing at which the place code's spectrum peaks: the theory line on a spacing histogram.

    The place code's kernel has the spectrum ``exp(-sigma^2 k^2 / 2) - exp(-s sigma^2 k^2 / 2)``, largest at
    ``k* = sqrt(2 ln(s) / (s - 1)) / sigma``. A hexagonal lattice with that wave number has spacing
    ``(2 / sqrt(3)) (2 pi / k*)``.

    Parameters
    ----------
    sigma : float
        Width (sd) of the place fields, metres.
    surround_scale : float
        Ratio ``s`` of the variances of surround and centre, above 1.

    Returns
    -------
    float
        Spacing in metres.

    Raises
    ------
    ValueError
        If ``sigma`` is not positive or ``surround_scale`` is not above 1.

    References
    ----------
    Sorscher et al., NeurIPS 2019, and Schaeffer et al., NeurIPS 2022.

    Examples
    --------
    >>> round(predicted_spacing(0.12, 2.0), 3)
    0.739
    """
    if not (math.isfinite(sigma) and sigma > 0):
        raise ValueError(f"sigma must be a positive width in metres, got {sigma}")
    if not (math.isfinite(surround_scale) and surround_scale > 1):
        raise ValueError(f"surround_scale must be above 1, a surround wider than its centre, got {surround_scale}")
    wave_number = math.sqrt(2 * math.log(surround_scale) / (surround_scale - 1)) / sigma
    return (2 / math.sqrt(3)) * (2 * math.pi / wave_number)
