"""The verdict on a design before it is synthesised, by the cost model of the folding search."""

from build_flows.artefacts.sizing import SizingFile
from build_flows.artefacts.verdict import Verdict, capacity, decide
from build_flows.base.parts import Part
from build_flows.planning.folding import taken
from build_flows.planning.layer_costs import Cost

__all__ = ["predicted"]


def predicted(sizing: SizingFile, part: Part, clock_mhz: float) -> Verdict:
    """The verdict on the compiled design of ``sizing.json`` for ``part`` at the clock that is set; no clock is estimated. What is no
    layer counts with :data:`build_flows.planning.folding.RESERVE`."""
    return decide("predicted", part.name, taken(Cost(**sizing.cost.to_json())), capacity(part), clock_mhz, None)
