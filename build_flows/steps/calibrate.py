"""Step ``calibrate``: integer thresholds, found on a part of the validation split with the exact integer logits, and proven on the
others."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from build_flows.base.errors import ConfigError
from build_flows.pages.promise_words import promise_words
from build_flows.planning.computed import exit_costs, last_alone
from build_flows.planning.exchangeable import logit_bits
from build_flows.planning.network import Network
from build_flows.planning.read_network import from_meta, read_network
from build_flows.project.sections import CalibrateSection
from build_flows.steps.data import DataSettings, Held, data_inputs, data_settings, dataset, held_out
from build_flows.steps.engine import Step, Work
from build_flows.steps.promises import division
from build_flows.steps.threads import set_threads
from build_flows.steps.topology import Topology, built, topology

if TYPE_CHECKING:
    from build_flows.base.ui import Ui
    from build_flows.project.load import Project
    from quant_models.exits.deciding import ExitLogits
    from quant_models.exits.price import Price
    from quant_models.exits.records import ExitsFile
    from quant_models.networks.spec import NetSpec

__all__ = ["APART", "OUTPUTS", "Settings", "cost_price", "run", "step"]

OUTPUTS = ("exits.json", "tradeoff.json")
APART = ("build_flows.pages",)
"""The words in which a promise is told: they change nothing of it."""
FAR = 0.02
"""A share that differs by more from the one wanted is told."""

TRAINED = 4000
"""Training images, at most, whose scores a ladder is made of."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The images that calibrate; the ``network`` that is built, None for one of the user's own; ``policies``, policy and score of every
    exit that is built, and the ``thresholds`` that are fixed; what is wanted of the others; whether one exit is built ``alone``, and
    whether heads are exchangeable."""

    data: DataSettings
    held: Held
    network: Topology | None
    policies: tuple[tuple[str, str], ...]
    thresholds: tuple[float | None, ...]
    calibrate: CalibrateSection
    alone: bool
    exchangeable: bool
    threads: int


def step(project: "Project", network: Mapping[str, Path]) -> Step:
    """``exits.json`` and ``tradeoff.json`` of the ``network``: its ``checkpoint``, or ``golden`` integers of the user's own."""
    config = project.config
    return Step(
        name="calibrate", apart=APART, run=run, outputs=OUTPUTS, inputs={**network, **data_inputs(project)},
        settings=Settings(
            data=data_settings(project), held=held_out(project), network=None if config.model.own else topology(project),
            policies=tuple((item.policy, item.score or "softmax") for item in config.built),
            thresholds=tuple(item.threshold for item in config.built[:-1]), calibrate=config.calibrate,
            alone=config.subnet is not None, exchangeable=config.exchangeable, threads=config.train.threads,
        ),
    )


def run(chosen: Settings, inputs: Mapping[str, Path], work: Work) -> None:
    """Writes ``exits.json``, and ``tradeoff.json``, what other thresholds would give (:func:`quant_models.judge.tradeoff.tradeoff`)."""
    from quant_models.datasets.load import split
    from quant_models.errors import QuantModelError, Unreachable
    from quant_models.exits.calibrate import calibrate
    from quant_models.exits.promise import parted
    from quant_models.exits.proof import Proof
    from quant_models.integers.describe import describe
    from quant_models.judge.tradeoff import tradeoff

    set_threads(chosen.threads)
    data = dataset(chosen.data, inputs, work.caches)
    kept, held = split(data, chosen.held.fraction, chosen.held.seed)
    net = None if chosen.network is None else built(chosen.network, data.classes, data.shape, work)
    network = read_network(inputs["golden"]) if net is None else from_meta(*describe(net))
    bits = logit_bits(network) if chosen.exchangeable else (None,) * len(network.heads)
    wanted, labels = chosen.calibrate, data.y_train[held]
    fixed = list(chosen.thresholds) if any(item is not None for item in chosen.thresholds) else None
    loss = None if wanted.accuracy_loss is None or fixed else wanted.accuracy_loss / 100
    shares, mean_cost, price = (None, None, None) if fixed else (wanted.shares, wanted.mean_cost, None)
    if chosen.alone and loss is None:
        # Shares and costs are of early exits, of which there are none.
        shares, mean_cost = [], None
    elif mean_cost is not None:
        price = cost_price(network, wanted.cost)
    with work.ui.progress(f"calibrating thresholds on {len(held):,} validation images", total=len(held)) as bar:
        exits, gates = _exit_logits(chosen, net, bits, inputs, data.x_train[held], bar.advance)
    proof, training = None, None
    if any(policy not in ("always", "never") for policy, _ in chosen.policies):
        used = division(wanted, fixed is not None, len(held), len(data.y_train), str(work.file))
        proof = Proof(division=used, order=parted(len(held), chosen.held.seed), confidence=wanted.confidence)
        if loss is not None and not used.joint:
            shown = np.random.default_rng([chosen.held.seed, 2]).permutation(kept)[:TRAINED]
            with work.ui.progress(f"ranking {len(shown):,} training images", total=len(shown)) as bar:
                training, _ = _exit_logits(chosen, net, bits, inputs, data.x_train[np.sort(shown)], bar.advance)
    try:
        found = calibrate(
            exits, labels, accuracy_loss=loss, shares=shares, mean_cost=mean_cost, thresholds=fixed, price=price, epsilon=wanted.epsilon,
            temperature=wanted.temperature, proof=proof, training=training,
        )
    except Unreachable as error:
        raise ConfigError(
            f"{work.file}: calibrate.mean_cost = {mean_cost:g}: {error}; allowed: {ceil(error.least * 1e4) / 1e4:g} to 1"
        ) from error
    except QuantModelError as error:
        if fixed is None:
            raise
        raise ConfigError(f"{work.file}: exits[].threshold: {error}") from error
    if shares:
        _warn_of_shares(work.ui, shares, [item.leave for item in found.exits])
    if mean_cost is not None:
        told = found.calibration
        work.ui.info(f"mean cost: {100 * told.mean_cost:.1f} % of the whole network's {told.wanted.cost}")
    _tell(work.ui, found, [item.logits.argmax(1) == labels for item in exits])
    found.save(work.folder / "exits.json")
    curves = tradeoff(found.exits, [item.logits for item in exits], labels, gates=gates)
    curves.save(work.folder / "tradeoff.json")


def _tell(ui: "Ui", found: "ExitsFile", right: Sequence[np.ndarray]) -> None:
    """What is promised, and where exits are of no use; ``right``, bool ``[n]`` by exit, says what each has right of the validation
    split."""
    from quant_models.exits.metrics import ahead_of_last

    told = promise_words(found.calibration)
    if told:
        ui.info(told)
    if not any(item.enabled for item in found.exits[:-1]) and len(found.exits) > 1:
        ui.info(
            "warning: no thresholds keep the promise, so the early exits are off and every sample goes to the last one; more validation "
            "images (data.validation), a greater calibrate.accuracy_loss or a longer training may help"
        )
    ahead = [k for k in ahead_of_last(right) if found.exits[k].policy != "never"]
    if ahead:
        best = max(ahead, key=lambda k: found.calibration.exit_accuracy[k])
        alone = [f"{100 * found.calibration.exit_accuracy[k]:.1f} %" for k in (best, -1)]
        ui.info(
            f"warning: exit {best} alone is right more often than the last exit ({alone[0]} of the validation images, not {alone[1]}): "
            "accuracy is promised against the last one, which is worse than it could be"
        )


def _warn_of_shares(ui: "Ui", wanted: Sequence[float], reached: Sequence[float]) -> None:
    """Say so when samples of equal scores, which leave together or not at all, keep the ``reached`` shares from those ``wanted``."""
    if any(abs(one - other) > FAR for one, other in zip(wanted, reached, strict=False)):
        shown = [", ".join(f"{share:.3f}" for share in shares) for shares in (wanted, reached[: len(wanted)])]
        ui.info(
            f"warning: calibrate.shares wants {shown[0]}; the nearest that thresholds can give is {shown[1]}: samples of equal "
            "scores leave together"
        )


def cost_price(network: Network, cost: str) -> "Price":
    """What samples cost of ``network`` in ``calibrate.cost``, exit by exit, beside the same without early exits."""
    from quant_models.exits.price import Price

    key, unit = ("macs", "MACs") if cost == "macs" else ("bitops", "bit operations")
    upto = [getattr(item, key) for item in exit_costs(network)]
    steps = tuple(float(now - before) for before, now in pairwise([0, *upto]))
    return Price(steps=steps, whole=float(getattr(last_alone(network), key)), unit=unit)


def _exit_logits(
    chosen: Settings, net: "NetSpec | None", bits: Sequence[int | None], inputs: Mapping[str, Path], images: np.ndarray,
    progress: Callable[[int], None],
) -> "tuple[list[ExitLogits], dict[int, np.ndarray]]":
    """What every exit makes of ``images`` in exact integers, of so many ``bits`` where they are given, and by exit the gate heads' logits;
    ``progress`` is told how many more are through."""
    from quant_models.exits.deciding import ExitLogits
    from quant_models.integers.export import golden
    from quant_models.integers.gate_units import gate_units
    from quant_models.integers.view import integer_outputs
    from quant_models.networks.checkpoint import load_model
    from sim.golden import load

    if net is None:
        own = load(inputs["golden"])
        return [
            ExitLogits(policy=policy, logits=logits, scale=scale, score=score, fixed_bits=wide)
            for (policy, score), logits, scale, wide in zip(chosen.policies, own.run(images), own.scales, bits, strict=True)
        ], {}
    model = load_model(inputs["checkpoint"], net)
    meta, _ = golden(model)
    found, gates = integer_outputs(model, images, progress=progress)
    exits = [
        ExitLogits(policy=policy, logits=logits, scale=head["layers"][-1]["scale"], score=score, fixed_bits=wide)
        for (policy, score), logits, head, wide in zip(chosen.policies, found, meta["heads"], bits, strict=True)
    ]
    for k, unit in gate_units(model).items():
        exits[k] = replace(exits[k], gate=gates[k], gate_bits=unit.bits, gate_scale=unit.scale)
    return exits, gates
