"""Captions tell the durations of the run, not those of the defaults."""

from topogrid.measures import FIGURES
from topogrid.session.captions import captions_of
from topogrid.settings.config import TrainConfig


def test_captions_tell_what_was_asked_for() -> None:
    captions = captions_of(TrainConfig(long_seconds=2.5, long_walks=1200))
    assert captions.keys() <= FIGURES.keys()
    assert "1,200 walks of 2.5 s" in captions["validation/long_error"]
    assert "2.5 s" in captions["validation/trajectories"]
