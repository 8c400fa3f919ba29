"""What FINN's RTL units accept as folding, in plain Python (no FINN import), for the search and for the check before compile.

A layer of the golden model becomes up to four units, all set from the layer's ``pe``, ``simd`` and ``parallel_window``:

=============  =====================  ================================================================================
unit           parameter              rule
=============  =====================  ================================================================================
``_mvau``      PE                     divides the outputs (``cout``, classes); one beat out carries PE accumulators
``_mvau``      SIMD                   divides the dot product ``kernel**2 * cin`` (or ``in``); a beat in carries SIMD values
``_swg``       SIMD                   without a parallel window: any divisor of ``cin``, the smallest one >= the MVAU's SIMD
                                      (``cin`` when there is none), so it never starves the MVAU; a beat carries SIMD values
``_swg``       SIMD, parallel window  must be ``cin`` itself; a beat out carries the whole window, ``kernel**2 * cin`` values.
                                      A 1x1 kernel has no window to make parallel
``_pad``       SIMD                   divides ``cin``; the same as the ``_swg``'s, so no converter stands between them
``_thr``       PE                     divides the channels; the same as the MVAU's
pool           PE                     divides the channels
global_sum     PE                     divides the channels; its ``_thr`` has the same
fork           PE                     that of the unit in front of it
=============  =====================  ================================================================================

Neighbours whose beats differ get FINN's width converter, which takes any ratio of whole values. Its rate is that of its wider side: it
moves ``min(in, out)`` values a cycle, or the greatest common divisor's worth when neither width divides the other.

Weights of the MVAU core on DSP48E1 must be narrow (never ``-2**(bits-1)``); weights have 2 bits or more, activations 2 to 24.

Frame intervals at full rate (cycles), as the units were measured or as FINN models them:

* ``_mvau``: ``pixels_out * (cout / PE) * (kernel**2 * cin / SIMD)``
* ``_pad``: ``(h + 2 pad) * (w + 2 pad) * cin / SIMD``
* ``_swg`` without parallel window: the larger of input and output per output row, ``max(w_out * kernel**2, stride * w_in) * cin/SIMD``, times
  ``h_out``, plus filling ``(kernel - 1) * w_in + kernel`` pixels at ``cin / SIMD`` beats; with it: ``h_in * w_in`` (+2)
* ``_thr``: ``pixels * channels / PE``;  pools: ``h_in * w_in * channels / PE``
"""

from collections.abc import Mapping
from typing import Any

__all__ = ["divisors", "fold_units", "swg_simd"]


def divisors(value: int) -> list[int]:
    """All divisors of ``value``, rising."""
    return [d for d in range(1, value + 1) if value % d == 0]


def swg_simd(cin: int, simd: int, parallel_window: int) -> int:
    """SIMD of a layer's sliding window and padding units for an MVAU of ``simd``."""
    if parallel_window:
        return cin
    return next((d for d in divisors(cin) if d >= simd), cin)


def _divide(name: str, what: str, value: int, of: str, total: int) -> None:
    if value < 1 or total % value:
        raise ValueError(f"{name}: {what} must divide {of}, not {what}={value}, {of}={total}")


def fold_units(spec: Mapping[str, Any], cin: int, cout: int, folding: Mapping[str, int]) -> dict[str, dict[str, int]]:
    """Parameters of each unit of one layer, by the unit's suffix (``""`` for a unit that has the layer's own name).

    ``spec`` is the layer's entry in ``golden.npz``; ``cin`` and ``cout`` its channels (features of a ``linear``; a pool has ``cin == cout``).
    Units that the layer does not have are in the result too. Raises ``ValueError`` naming the layer and what does not divide.
    """
    name, kind = spec["name"], spec["kind"]
    allowed = {"conv": {"pe", "simd", "parallel_window"}, "linear": {"pe", "simd", "parallel_window"}}.get(kind, {"pe"})
    unknown = sorted(set(folding) - allowed)
    if unknown:
        raise ValueError(f"{name}: a {kind} has no folding {unknown[0]!r}; it has {', '.join(sorted(allowed))}")
    pe = folding.get("pe", 1)
    _divide(name, "pe", pe, "channels", cout)
    if kind not in ("conv", "linear"):
        return {"": {"PE": pe}, "_thr": {"PE": pe}}
    simd, parallel = folding.get("simd", 1), folding.get("parallel_window", 0)
    kernel = spec.get("kernel", 1)
    _divide(name, "simd", simd, "kernel**2 * cin", kernel * kernel * cin)
    if parallel not in (0, 1):
        raise ValueError(f"{name}: parallel_window must be 0 or 1, not {parallel}")
    if parallel and kernel == 1:
        raise ValueError(f"{name}: parallel_window=1 needs a kernel larger than 1, not kernel=1")
    window = swg_simd(cin, simd, parallel)
    return {
        "_pad": {"SIMD": window},
        "_swg": {"SIMD": window, "parallel_window": parallel},
        "_mvau": {"PE": pe, "SIMD": simd},
        "_thr": {"PE": pe},
    }
