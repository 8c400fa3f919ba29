"""What to say where calibration sends more samples on than a stage is planned for."""

from collections.abc import Sequence

__all__ = ["overrun_told"]


def overrun_told(reach: Sequence[float], planned: Sequence[float], intervals: Sequence[int]) -> str | None:
    """A warning where a later stage sets the pace at the ``reach`` of every stage that calibration found, the first one's 1; None where
    stage 0 does. ``planned`` is the reach that stages were planned for, ``intervals`` are the cycles a frame that each takes."""
    load, stage = max((share * interval, -k) for k, (share, interval) in enumerate(zip(reach, intervals, strict=True)))
    stage = -stage
    if stage == 0:
        return None
    return (
        f"warning: {100 * reach[stage]:.1f} % of the validation images reach stage {stage}, which target.hard_share plans for "
        f"{100 * planned[stage]:.1f} %: expect it to set the pace, at some {load:.0f} cycles a sample instead of {intervals[0]}; allowed: "
        "as it is, or a greater target.hard_share"
    )
