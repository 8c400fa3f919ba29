"""The policies' scores. A new policy is one file with a :class:`Score` in it and one line in :data:`SCORES`."""

from hw.scores.always import Always
from hw.scores.base import BeatSignature, Score
from hw.scores.max_logit import MaxLogit
from hw.scores.never import Never
from hw.scores.softmax import Softmax

__all__ = ["SCORES", "BeatSignature", "Score"]

SCORES: dict[str, type[Score]] = {
    "always": Always,
    "max_logit": MaxLogit,
    "never": Never,
    "softmax": Softmax,
}
