"""Integer golden models: the independent reference the RTL, FINN's graph and Brevitas are compared with.

NumPy and the standard library only; nothing here may come from ``hw`` or ``quant_models``.
"""

from sim.golden.answers import Answers, answers
from sim.golden.decision import Decisions, decide, decide_images
from sim.golden.errors import GoldenError
from sim.golden.exits import Exit, load_exits, parse_exits
from sim.golden.load import load
from sim.golden.network import GoldenNet
from sim.golden.policies import POLICIES, Score, Side

__all__ = [
    "POLICIES", "Answers", "Decisions", "Exit", "GoldenError", "GoldenNet", "Score", "Side", "answers", "decide", "decide_images", "load",
    "load_exits", "parse_exits",
]
