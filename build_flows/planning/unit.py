"""What planning speaks of: how a layer is folded, and the hardware units that it becomes."""

from dataclasses import dataclass

from build_flows.planning.cost_model import Cost, price
from build_flows.planning.unit_terms import Terms

__all__ = ["BODIES", "HANDOVER", "OWN_KEYS", "SHARED", "SUFFIXES", "Fold", "Unit"]

HANDOVER = 2
"""Cycles by which a unit may exceed its target: what FINN's sliding window spends between two frames, whatever its folding."""

SUFFIXES = {
    "padding": "_pad", "window": "_swg", "mvau": "_mvau", "threshold": "_thr", "maxpool": "", "global_sum": "", "add": "", "concat": "",
    "upsample": "", "static": "", "shared": "", "pixel_pool": "",
}
"""What the name of a unit of each kind ends in, after its layer's; a converter has ``_dwc`` after the name of the unit it feeds."""

SHARED = ("shared", "shared_lut", "shared_bits", "depthwise")
"""Bodies with weights in memory: multipliers are DSPs, or look-up tables, or there are none for weights and inputs of one bit; or each
channel is convolved by itself, its multiplier look-up tables."""

BODIES = ("finn", "static", *SHARED, "pool")
"""What a layer may be made of: FINN's chain of units, or one unit of ours: with weights that are constants in its logic, or in memory
(:data:`SHARED`); or, a max pool that is in no such unit, one that takes several pixels a beat."""

_SHARED = ("pixels", "inputs", "outputs", "lanes")
OWN_KEYS: dict[str, tuple[str, ...]] = {"finn": (), "static": ("pixels",), **dict.fromkeys(SHARED, _SHARED), "pool": ("pixels",)}
"""The keys of a fold that only bodies of ours have, by body."""


@dataclass(frozen=True)
class Fold:
    """Folding of a layer.

    Body ``finn``: ``pe`` outputs at a time, each of ``simd`` inputs a cycle; ``parallel_window``: the sliding window hands out whole
    windows. ``linear`` has no window; pools have only ``pe``, the channels a beat. Body ``static``: ``pixels`` a beat in, with all their
    channels, and all outputs of their windows at once. Body ``shared``: a tap of the kernel a cycle, for ``pixels`` (1 or 2) neighbouring
    pixels of the convolution, ``inputs`` channels in and ``outputs`` channels out, of which ``lanes`` sums a cycle leave for the thresholds
    (:class:`hw.layers.shared_shape.SharedShape`), each product in a DSP's lane; body ``shared_lut``: the same, each product in look-up
    tables; body ``shared_bits``: the same where weights are -1 and 1 and inputs one bit; body ``depthwise``: of a layer whose outputs are
    each of one input, ``inputs`` being the channels that ``outputs`` are. Any of these of a ``maxpool``: it is part of the
    unit of the convolution before it. Body ``pool``, of a ``maxpool`` alone: it is a unit of its own, which takes ``pixels`` a beat
    (:class:`hw.layers.pixel_pool.PixelPool`).
    """

    pe: int = 1
    simd: int = 1
    parallel_window: bool = False
    body: str = "finn"
    pixels: int = 1
    inputs: int = 1
    outputs: int = 1
    lanes: int = 1

    @property
    def fused(self) -> bool:
        """Whether it is one unit of ours."""
        return self.body != "finn"

    @property
    def by_itself(self) -> bool:
        """Whether it is a max pool that is a unit of ours."""
        return self.body == "pool"

    @property
    def lut(self) -> bool:
        """Whether a shared body multiplies in look-up tables."""
        return self.body in ("shared_lut", "depthwise")

    @property
    def binary(self) -> bool:
        """Whether a shared body counts bits."""
        return self.body == "shared_bits"

    @property
    def depthwise(self) -> bool:
        """Whether a shared body convolves each channel by itself."""
        return self.body == "depthwise"

    @property
    def static(self) -> bool:
        """Whether the body is the static one."""
        return self.body == "static"


@dataclass(frozen=True, kw_only=True)
class Unit:
    """One hardware unit of a layer.

    ``kind`` is ``padding``, ``window``, ``converter``, ``mvau``, ``threshold``, ``maxpool``, ``global_sum``, ``add`` (of streams that are
    ``in_bits`` wide, and others of as many values), ``concat``, ``upsample``, ``static``, ``shared`` or
    ``pixel_pool``; ``folding`` holds the unit's own
    keys of :class:`Fold` as far as it has them. Streams are ``in_bits`` and ``out_bits`` wide, ``in_beats`` and ``out_beats`` beats a
    frame; ``cycles`` is the frame interval. ``model`` is what the cost model
    knows it as (a window that hands out whole windows is ``window_parallel``, a converter ``converter_up``, ``converter_serial`` or
    ``converter_down``, a shared unit without DSPs ``shared_lut``, ``shared_bits`` or ``depthwise``), and ``terms`` what that weighs.
    ``bram18`` and ``dsp`` are exact. ``ram_style`` is what its memory should be (``block`` or ``distributed``; empty: it has none).
    """

    kind: str
    folding: dict[str, int]
    in_bits: int
    out_bits: int
    in_beats: int
    out_beats: int
    cycles: int
    model: str
    terms: Terms
    bram18: int = 0
    dsp: int = 0
    ram_style: str = ""

    @property
    def cost(self) -> Cost:
        """Its resources by the cost model, from ``terms``; ``bram18`` and ``dsp`` are exact."""
        return price(self.model, self.terms, bram18=self.bram18, dsp=self.dsp)

    @property
    def least_target(self) -> int:
        """The least target that it meets, in cycles a frame: what its folding takes (beats in and out; of a matrix-vector unit its
        products; of a unit of ours its interval), and its interval but for the handover between frames."""
        work = self.cycles if self.kind in ("mvau", "static", "shared", "pixel_pool") else max(self.in_beats, self.out_beats)
        return max(work, self.cycles - HANDOVER)

    def meets(self, target: int) -> bool:
        """Whether it takes a frame every ``target`` cycles, the handover between frames left aside."""
        return self.least_target <= target
