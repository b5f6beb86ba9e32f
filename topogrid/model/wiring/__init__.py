"""How units are connected, by the words of the setting ``wiring``."""

from topogrid.model.wiring.attractor import Attractor
from topogrid.model.wiring.base import Wiring
from topogrid.model.wiring.blocks import Blocks
from topogrid.model.wiring.dense import Dense
from topogrid.model.wiring.learned import Learned

__all__ = ["WIRINGS", "Wiring"]

WIRINGS: dict[str, type[Wiring]] = {"dense": Dense, "attractor": Attractor, "learned": Learned, "blocks": Blocks}
