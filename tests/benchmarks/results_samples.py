"""Entries of ``results.json`` as they could be, small enough to work figures out by hand."""

from typing import Any

from benchmarks.results_records import Entry


def entry(scheme: str = "joint", seed: int = 1, exit0: float = 0.8, noisy: float = 0.5, **more: Any) -> Entry:
    """A run of b_lenet with ``exit0`` as exit 0's accuracy, ``noisy`` under noise of every strength."""
    return Entry.model_validate({**content(scheme, seed, exit0, noisy), **more})


def content(scheme: str = "joint", seed: int = 1, exit0: float = 0.8, noisy: float = 0.5) -> dict[str, Any]:
    """The same as ``results.json`` holds it."""
    strengths = [{"strength": at, "deviation": 10.0 * at, "accuracy": noisy, "exit_accuracy": [noisy, 0.6], "exit_share": [0.5, 0.5]}
                 for at in range(1, 6)]
    return {
        "name": f"b_lenet-fashion-mnist-{scheme}-s{seed}", "scheme": scheme, "variant": "", "network": "b_lenet", "data": "fashion-mnist",
        "source": "fashion-mnist", "seed": seed, "weight_bits": 4, "act_bits": 4, "epochs": 12, "accuracy": 0.9,
        "exit_accuracy": [exit0, 0.9], "exit_share": [0.71, 0.29],
        "test_samples": 100, "noisy": strengths, "user": None, "imported": None, "validation": None, "policy": "softmax",
        "shares_wanted": [0.72], "start": None, "settings": {"train": {"epochs": 12}, scheme: {}}, "training_seconds": 100.0,
        "machine": "2 cores, some",
    }
