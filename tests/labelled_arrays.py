"""Arrays that name their axes, without the packages that make them."""

from typing import Any

import numpy as np


class Labelled:
    """An array that names its axes and bins, with what xarray's `DataArray` has of that."""

    def __init__(self, values: np.ndarray, dims: tuple[str, ...], coords: dict[str, Any]) -> None:
        self.values, self.dims = values, dims
        self.coords = {
            name: values if hasattr(values, "values") else _Coordinate(values) for name, values in coords.items()
        }

    def transpose(self, *dims: str) -> "Labelled":
        return Labelled(self.values.transpose([self.dims.index(name) for name in dims]), dims, self.coords)


class _Coordinate:
    def __init__(self, values: Any) -> None:
        self.values = np.asarray(values)
