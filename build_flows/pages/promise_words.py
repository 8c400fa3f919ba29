"""What is promised of the accuracy that exits lose, in words."""

from quant_models.exits.records import Calibration

__all__ = ["INDEPENDENT", "promise_words"]

INDEPENDENT = (
    "for new samples like the validation images, each drawn by itself; overlapping windows or the samples of one user are not, and then it "
    "does not hold"
)


def promise_words(found: Calibration) -> str:
    """One line on the promise of ``found``; empty when nothing was kept for one."""
    if found.bound is None or found.confidence is None:
        return ""
    sure, bound = f"{100 * found.confidence:g} % confidence", f"{100 * found.bound:.2f} points"
    seen = f"{found.harms} of {found.proof_samples} images kept for the proof lost their right answer to an exit"
    if found.promise == "none":
        return f"nothing is promised of the accuracy, as it was not asked for; with {sure} exits lose at most {bound} ({seen})"
    wanted = f"{100 * (found.wanted.accuracy_loss or 0):g} points"
    if found.promise == "confidence":
        return f"promise: exits lose at most {wanted} of accuracy, with {sure} ({seen}); {INDEPENDENT}"
    return (
        f"promise: exits lose at most {wanted} of accuracy on average, that is over many such calibrations and not in each; with {sure} "
        f"this one loses at most {bound} ({seen}); {INDEPENDENT}"
    )
