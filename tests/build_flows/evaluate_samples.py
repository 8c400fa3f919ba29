"""A made-up evaluation: two exits, three classes, compiled."""

from typing import Any

import numpy as np

from build_flows.artefacts.evaluation import EvaluationFile

IMAGES = np.arange(4 * 5 * 6, dtype=np.uint8).reshape(4, 5, 6, 1)
"""The pictures of :func:`sample`, by rising index."""


def outcome(accuracy: float, early: float) -> dict[str, Any]:
    """A point that lets the share ``early`` go first."""
    return {
        "accuracy": accuracy, "shares": [early, 1 - early], "macs": 1000.0 * early + 9000 * (1 - early),
        "bitops": 32000.0 * early + 200000 * (1 - early), "cycles": max(100.0, 400 * (1 - early)),
    }


def sample(compiled: bool = True) -> EvaluationFile:
    """An evaluation, with cycles where it is ``compiled``."""
    return EvaluationFile.parse(content(compiled), "evaluation.json")


def content(compiled: bool = True) -> dict[str, Any]:
    """The same as ``evaluation.json`` holds it."""
    exits = [
        {
            "index": k, "policy": policy, "enabled": True, "share": share, "accuracy": accuracy, "accuracy_there": there,
            "calibration": {"ece": ece, "bins": [{"confidence": 0.55, "accuracy": 0.4, "samples": 10},
                                                 {"confidence": 0.95, "accuracy": 0.97, "samples": 90}]},
            "ece_there": ece / 2, "temperature": 1.37 + k, "temperature_used": k == 0, "ece_there_scaled": ece / 5,
            "calibration_scaled": {"ece": ece / 4, "bins": [{"confidence": 0.45, "accuracy": 0.44, "samples": 100}]},
            "confusion": [[30, 3, 1], [2, 28, 3], [0, 4, 29]], "confusion_there": [[9, 0, 0], [0, 8, 0], [0, 1, 7]],
        }
        for k, (policy, share, accuracy, there, ece) in enumerate([("margin", 0.7, 0.87, 0.95, 0.0613), ("always", 0.3, 0.9123, 0.8, 0.02)])
    ]
    curves = [
        {"policy": name, "points": [{"level": level, **outcome(0.9123 - drop * level**2, level)} for level in (0.0, 0.5, 0.75, 1.0)]}
        for name, drop in (("max_logit", 0.05), ("margin", 0.04), ("softmax", 0.06), ("patience", 0.1))
    ]
    strengths = [{"strength": n, "exit_accuracy": [0.87 - 0.1 * n, 0.91 - 0.08 * n], **outcome(0.9 - 0.09 * n, 0.7 - 0.1 * n)}
                 for n in range(6)]
    kinds = [{"name": name, "summary": f"what {name} is", "unit": "of 255", "amounts": [1, 2, 3.5, 5, 8], "strengths": strengths}
             for name in ("gaussian_noise", "blur")]
    pictures = [
        {"exit": k, "easiest": [{"index": 10 * k + 2, "label": 0, "predicted": 0, "probability": 0.99}],
         "hardest": [{"index": 10 * k + 5, "label": 1, "predicted": 2, "probability": 0.41}]}
        for k in range(2)
    ]
    found: dict[str, Any] = {
        "version": 1, "project": "tiny", "data": "digits", "names": ["zero", "one", "<two>"], "seed": 7,
        "mode": "all", "subnet": None,
        "samples": {"test": 100, "validation": 50},
        "layers": [{"name": "stage0_conv0", "where": "stage", "index": 0, "macs": 900, "bitops": 28800},
                   {"name": "head0_fc0", "where": "head", "index": 0, "macs": 100, "bitops": 3200},
                   {"name": "stage1_conv0", "where": "stage", "index": 1, "macs": 7900, "bitops": 166000},
                   {"name": "head1_fc0", "where": "head", "index": 1, "macs": 100, "bitops": 2000}],
        "costs": [{"macs": 1000, "bitops": 32000}, {"macs": 9000, "bitops": 200000}],
        "last_alone": {"accuracy": 0.9123, "macs": 8900, "bitops": 196800, "cycles": 400}, "operating": outcome(0.91, 0.7),
        "measured_cycles": 123.4, "clock_mhz": 100.0, "curves": curves, "exits": exits,
        "overthinking": {"exits": [{"lost": 0.0217, "gained": 0.064}], "destructive": 0.0217, "any": 0.934, "first": [0.87, 0.064],
                         "pairs": [[0, 1, 0.0217]]},
        "pictures": pictures, "corruptions": {"samples": 80, "kinds": kinds},
        "slowdown": {
            "samples": 50, "eps": 8, "steps": 20, "step": 2, "clean": outcome(0.91, 0.7), "attacked": outcome(0.62, 0.2),
            "macs_rise": 1.1764, "saving_lost": 0.714, "rtl": {"clean": 124.0, "attacked": 331.5, "all_hard": 402.0, "holds": True},
        },
    }
    if not compiled:
        found |= {"measured_cycles": None, "clock_mhz": None}
        found["slowdown"]["rtl"] = None
        points = [item for curve in curves for item in curve["points"]]
        slow = found["slowdown"]
        for item in (found["operating"], found["last_alone"], slow["clean"], slow["attacked"], *points, *strengths):
            item["cycles"] = None
    return found
