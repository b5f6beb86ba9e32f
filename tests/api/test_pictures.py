"""A picture is drawn when somebody looks, once, and saved in the form that its name asks for."""

from pathlib import Path

import pytest
from matplotlib.figure import Figure

from topogrid.api.pictures import Picture


class Draws:
    """Draws a figure and counts how often."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> Figure:
        self.times += 1
        return Figure(figsize=(1, 1))


def test_it_is_drawn_when_somebody_looks_and_then_once() -> None:
    draw = Draws()
    picture = Picture("tau_map", draw)
    assert repr(picture) == "<picture tau_map>"
    assert draw.times == 0
    assert picture._repr_png_() == picture.png
    assert picture.png.startswith(b"\x89PNG")
    assert picture.figure is picture.figure
    assert draw.times == 1


def test_a_picture_that_is_there_is_not_drawn_again(tmp_path: Path) -> None:
    draw = Draws()
    picture = Picture("tau_map", draw, b"as it was drawn")
    path = picture.save(tmp_path / "new" / "a.PNG")
    assert path.read_bytes() == picture._repr_png_() == b"as it was drawn"
    assert draw.times == 0


@pytest.mark.parametrize(("suffix", "begins"), [(".svg", b"<?xml"), (".pdf", b"%PDF")])
def test_another_form_is_drawn_anew(suffix: str, begins: bytes, tmp_path: Path) -> None:
    draw = Draws()
    path = Picture("tau_map", draw, b"as it was drawn").save(str(tmp_path / f"a{suffix}"))
    assert path.read_bytes().startswith(begins)
    assert draw.times == 1


def test_an_unknown_form_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="png, pdf, svg, got 'jpg'"):
        Picture("tau_map", Draws()).save(tmp_path / "a.jpg")
    assert not list(tmp_path.iterdir())
