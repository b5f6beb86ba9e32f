"""Which kind of network settings make: what it is called, and the colour that stands for it."""

from __future__ import annotations

from typing import NamedTuple

# By wiring: without and with time constants, then the same two with the topographic loss. Green is kept for feedback.
_COLOURS = {
    "dense": ("blue", "vermilion", "sky", "orange"),
    "learned": ("violet", "purple", "violet", "purple"),
    "attractor": ("sky", "brown", "sky", "brown"),
    "blocks": ("orange", "orange", "orange", "orange"),
    "lstm": ("purple", "purple", "purple", "purple"),
}


class NetworkKind(NamedTuple):
    """What sets networks of different settings apart at first sight."""

    wiring: str
    """The wiring, or the network where that is no leaky one."""
    tau: bool
    topoloss: bool

    @property
    def label(self) -> str:
        """Its name: words joined by +, the wiring unless dense, ``tau``, ``topoloss``; else ``plain``."""
        words = [self.wiring] if self.wiring != "dense" else []
        return "+".join(words + [name for name in ("tau", "topoloss") if getattr(self, name)]) or "plain"

    @property
    def colour(self) -> str:
        """Name of its colour, one of those of `topogrid.figures.PALETTE`."""
        return _COLOURS[self.wiring][self.tau + 2 * self.topoloss]

    @property
    def plain(self) -> bool:
        """Whether it is the one that others are compared with."""
        return self == NetworkKind("dense", tau=False, topoloss=False)
