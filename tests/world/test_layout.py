"""A layout that cannot be is refused before a file is opened."""

import math
from typing import Any

import pytest

from topogrid.world.layout import Layout


@pytest.mark.parametrize(
    ("units", "metres"), [("m", 1.0), ("cm", 0.01), ("mm", 0.001), ("px:250", 0.004), ("px:2.5e2", 0.004)]
)
def test_units_are_metres(units: str, metres: float) -> None:
    assert Layout(units=units).metres() == pytest.approx(metres)


@pytest.mark.parametrize(
    "settings",
    [
        *(
            {"units": units}
            for units in ("", "px", "px:", "px:0", "px:-1", "px:nan", "px:1e300", "inch", "px:1_0", None)
        ),
        *({"rate": rate} for rate in (0, -1, math.nan, math.inf, 1e300, "50", True)),
        *({"max_speed": speed} for speed in (0, -1, math.nan, math.inf, "5")),
        *({"columns": columns} for columns in ("", "t,,y", "t,x,x", "a,b,c,d,e,f", (1, 2, 3))),
        *({"separator": sign} for sign in ("", ",,", "a", "\n", 3)),
        {"lost": "drop"},
    ],
)
def test_what_cannot_be_is_refused_on_one_line(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(settings))} must be") as caught:
        Layout(**settings)
    assert str(caught.value).isprintable()


def test_separators_have_names() -> None:
    assert [Layout(separator=name).delimiter() for name in ("tab", "\\t", "semicolon", ";", "space", None)] == [
        "\t", "\t", ";", ";", " ", None,
    ]  # fmt: skip
