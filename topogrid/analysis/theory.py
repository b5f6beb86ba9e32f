"""What linear theory expects of a path integrator trained on a difference-of-Gaussians place code."""

import math

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from topogrid.analysis.inputs import as_values
from topogrid.analysis.options import as_number

__all__ = ["forming_spacing", "predicted_spacing"]

Float = NDArray[np.float64]

_SPACING_PER_WAVE = 2 / math.sqrt(3)  # fields of three plane waves lie this many wavelengths apart


def predicted_spacing(sigma: float, surround_scale: float = 2.0) -> float:
    """Return the grid spacing at which the place code's spectrum peaks: the theory line on a spacing histogram.

    It is the best spacing for a network that already knows where it is. The place code's kernel, a Gaussian of unit
    integral minus a wider one, has the spectrum ``exp(-sigma^2 k^2 / 2) - exp(-s sigma^2 k^2 / 2)``. Its slope is
    zero where ``exp((s - 1) sigma^2 k^2 / 2) = s``, so it is largest at ``k* = sqrt(2 ln(s) / (s - 1)) / sigma``.
    Three plane waves of wave number k*, 60 degrees apart, have fields on a hexagonal lattice. Its rows lie one
    wavelength ``2 pi / k*`` apart, and rows of a hexagonal lattice lie ``sqrt(3) / 2`` spacings apart, hence the
    spacing ``(2 / sqrt(3)) (2 pi / k*)``.

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
    TypeError
        If they are not real numbers.
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
    sigma = as_number(sigma, "sigma, the width of a place field in metres,", above=0)
    surround_scale = as_number(
        surround_scale, "surround_scale, above 1 where a surround is wider than its centre,", above=1
    )
    wave_number = math.sqrt(2 * math.log(surround_scale) / (surround_scale - 1)) / sigma
    return _SPACING_PER_WAVE * 2 * math.pi / wave_number


def forming_spacing(sigma: float, surround_scale: float, distances: ArrayLike) -> float:
    """Return the spacing that grows fastest while a network does not yet integrate movement.

    At first units only hold the code of the place where a walk began, and the loss asks for the codes of the places
    that the walk then came to. To first order the weights grow along the covariance of the two. For plane waves of
    wave number k that is the squared spectrum of the place code times the mean of ``cos(k . displacement)``, and walks
    that go in all directions make that ``J0(k distance)``. The waves that grow fastest maximise the product: the
    further animals get within a training walk, the longer these waves, and a lattice, once formed, keeps much of its
    spacing.

    Parameters
    ----------
    sigma, surround_scale
        As for `predicted_spacing`.
    distances : array_like
        Samples of the distance from a walk's start, metres, at all steps that the loss counts. Zeros alone give the
        spacing of `predicted_spacing`.

    Returns
    -------
    float
        Spacing in metres.

    Raises
    ------
    TypeError
        If they are not real numbers.
    ValueError
        If there are no distances or one is negative, or as for `predicted_spacing`.

    Examples
    --------
    >>> round(forming_spacing(0.12, 2.0, [0.0]), 2)
    0.74
    """
    best = predicted_spacing(sigma, surround_scale)
    samples = as_values(distances, "distances, metres,")
    if samples.size == 0 or not (np.isfinite(samples) & (samples >= 0)).all():
        raise ValueError("distances must be at least one finite number of metres, none below 0")
    # Distances are summed up on a fine grid first: there may be a hundred thousand of them.
    counts, edges = np.histogram(samples, bins=400, range=(0.0, max(float(samples.max()), 1e-9)))
    spacing = best * np.geomspace(0.8, 8.0, 1200)
    wave_number = _SPACING_PER_WAVE * 2 * np.pi / spacing
    centre, surround = (np.exp(-ratio * (sigma * wave_number) ** 2 / 2) for ratio in (1.0, surround_scale))
    met: Float = scipy.special.j0(np.outer(wave_number, (edges[:-1] + edges[1:]) / 2)) @ counts / samples.size
    return float(spacing[np.argmax((centre - surround) ** 2 * met)])
