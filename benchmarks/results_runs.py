"""The trainings behind ``docs/RESULTS.md``: a :class:`Run` per scheme, network, data set and seed, as a configuration users can run."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomli_w

__all__ = ["CIFAR10", "FASHION", "NOTES", "RUNS", "SEEDS", "Run", "config_text"]

FASHION, CIFAR10 = "fashion-mnist", "cifar10"
SEEDS = (1, 2, 3)


@dataclass(frozen=True, kw_only=True)
class Run:
    """One training and what it is measured at.

    ``train`` and ``own`` hold keys of ``[train]`` and of the scheme's own table where they are not the defaults; ``shares`` of all samples
    that are to leave at each exit but the last, found on the validation split; ``start`` is the run whose weights training begins with.
    """

    network: str
    data: str
    scheme: str
    seed: int
    train: Mapping[str, Any] = field(default_factory=dict)
    own: Mapping[str, Any] = field(default_factory=dict)
    shares: tuple[float, ...]
    bits: int = 4
    policy: str = "softmax"
    start: str | None = None
    variant: str = ""
    floats: Mapping[str, Any] | None = None
    """Scheme import: how its float network is trained, fields of ``quant_models.training.train.TrainSettings``."""
    user: str | None = None
    """Scheme personal: the corruption (of ``quant_models.judge.corruptions``, at the middle strength) that all the user's images have."""

    @property
    def name(self) -> str:
        """``b_lenet-fashion-mnist-joint-s1``; bits are told where they are not 4."""
        bits = "" if self.bits == 4 else f"{self.bits}bit"
        return "-".join(item for item in (self.network, self.data, self.scheme, bits, self.variant, f"s{self.seed}") if item)


def config_text(
    run: Run, data: Path | None, start: Path | None = None, samples: Path | None = None, weights: Path | None = None
) -> str:
    """The configuration of ``run``: ``data`` is the file or folder of its data set (None: the default place), ``start`` the checkpoint of
    the run that it starts from, ``samples`` the user's, ``weights`` the float network's. Its output folder is
    beside the configuration, by the run's name."""
    name = run.data
    if run.data == CIFAR10 and data is not None and not (data / "data_batch_1.bin").is_file():
        name = "folder"
    places = {"samples": samples, "weights": weights}
    own = {**run.own, **{key: str(place) for key, place in places.items() if place is not None}}
    sections: list[tuple[str, Mapping[str, Any]]] = [
        ("project", {"name": run.name, "output": run.name}),
        ("data", {"name": name, **({} if data is None else {"path": str(data)})}),
        ("model", {"preset": run.network, "weight_bits": run.bits, "act_bits": run.bits}),
        ("train", {"scheme": run.scheme, "seed": run.seed, **run.train, **({} if start is None else {"start": str(start)})}),
        *([(run.scheme, own)] if own else []),
        ("calibrate", {"shares": list(run.shares)}),
    ]
    return tomli_w.dumps({**dict(sections), "exits": [{"policy": policy} for policy in (*[run.policy] * len(run.shares), "always")]})


def _b_lenet(scheme: str, seed: int, **more: Any) -> Run:
    train = {"epochs": 8, "flip": True, "threads": 1, **more.pop("train", {})}
    return Run(network="b_lenet", data=FASHION, scheme=scheme, seed=seed, train=train, **{"shares": (0.72,), **more})


def _b_alexnet(seed: int) -> Run:
    train = {"epochs": 16, "weight_decay": 0.01, "shift": 3, "flip": True, "threads": 1}
    return Run(network="b_alexnet", data=CIFAR10, scheme="joint", seed=seed, shares=(0.67,), train=train)


NOISE: Mapping[str, Any] = {"perturb": ["noise"], "perturb_strength": 0.12}
"""The noise that scheme consistent trains with, as augmentation."""


COMPARED: dict[str, Mapping[str, Any]] = {
    "joint": {},
    "distill": {"temperature": 3.0, "alpha": 0.3, "ramp": 8},
    "consistent": {"perturb": NOISE["perturb"], "strength": NOISE["perturb_strength"], "weight": 0.3},
}
"""Schemes that are compared over all seeds, with their own settings."""

ALONE, AUGMENTED = "alone", "noise"
"""Variants of joint: without early exits; with the noise of consistent as augmentation."""

NOTES = (
    "`distill`: with seed 1, exit 0 alone came to 88.85, 88.99 and 88.94 % at (T, alpha, ramp) of (2, 0.5, 6), (3, 0.3, 8) and (1, "
    "0.3, 8), beside 89.12 % of `joint`; without a ramp and after 3 epochs to 87.02, 88.30 and 88.58 % at (T, alpha) of (3, 0.5), "
    "(1, 0.5) and (2, 0.2), beside 88.75 %. The last exit is only some 1.3 points better than exit 0 and learns beside it: at this "
    "size and width it has little to teach.",
    "`consistent`: all four perturbations at strength 0.5 were not tried to the end; noise of strength 0.5 and weight 1 gives 86.90 "
    "% under noise after 3 epochs (71.87 % with `joint`), but costs 1.1 points on clean images; noise of 0.12 and weight 0.3 costs "
    "none.",
    "`personal`: the share that leaves is that of thresholds from everybody's validation split; a user's images may need others, "
    "which registers take.",
)
"""What was tried and what limits it, in words, for the page."""

FLOAT = {"epochs": 8, "flip": True}
"""How the float networks of scheme import are trained."""

RUNS: tuple[Run, ...] = (
    *(_b_alexnet(seed) for seed in SEEDS),
    *(_b_lenet(scheme, seed, own=own) for seed in SEEDS for scheme, own in COMPARED.items()),
    *(_b_lenet("joint", seed, variant=AUGMENTED, train=NOISE) for seed in SEEDS),
    *(_b_lenet("joint", seed, variant=ALONE, shares=()) for seed in SEEDS),
    _b_lenet("exits_only", 1),
    _b_lenet("import", 1, floats=FLOAT, bits=8, own={"divisor": 256, "fine_tune": 0}, train={"epochs": 1, "flip": False}),
    _b_lenet("import", 1, floats=FLOAT, own={"divisor": 256, "fine_tune": 2}, train={"epochs": 1}),
    _b_lenet("personal", 1, start="b_lenet-fashion-mnist-joint-s1", user="contrast", train={"epochs": 20, "flip": False}),
)
