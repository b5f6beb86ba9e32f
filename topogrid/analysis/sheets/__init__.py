"""Units on the cortical sheet, and the scales of its modules."""

from topogrid.analysis.sheets.module_scales import (
    ModuleChange,
    ModuleScales,
    TauLayout,
    UnitChange,
    compare_modules,
    compare_units,
    module_scales,
    share_of_range,
    tau_layout_explained,
)
from topogrid.analysis.sheets.sheet import Sheet

__all__ = [
    "ModuleChange",
    "ModuleScales",
    "Sheet",
    "TauLayout",
    "UnitChange",
    "compare_modules",
    "compare_units",
    "module_scales",
    "share_of_range",
    "tau_layout_explained",
]
