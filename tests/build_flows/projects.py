"""Small projects for the tests of the flow: three exits, a few hundred of scikit-learn's digits."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from build_flows.project.config import Config
from build_flows.project.load import Project
from build_flows.project.load import load as load_config

TOML = """
[project]
name = "tiny"
output = "out/tiny"

[data]
name = "npz"
path = "digits.npz"
validation = 0.2

[model]
preset = "digits"
weight_bits = 3
act_bits = 3

[train]
epochs = 4
batch_size = 64
threads = 1

[[exits]]
policy = "softmax"
[[exits]]
policy = "max_logit"
[[exits]]
policy = "always"

[calibrate]
shares = [0.5, 0.3]

[target]
cycles_per_sample = 512

[build]
folding = "optimal"
layers = "finn"

[simulate]
samples = 40
finn_images = 4
"""


def project(folder: Path, cache: Path, **changes: str) -> Project:
    """A project in ``folder``; ``changes`` replace the values of keys. Its Verilated models are kept in ``cache``."""
    from sklearn.datasets import load_digits

    raw = load_digits()
    images = (raw.images * 15).astype(np.uint8)[..., np.newaxis]
    (folder / "out").mkdir(parents=True, exist_ok=True)
    np.savez(folder / "digits.npz", x_train=images[:700], y_train=raw.target[:700], x_test=images[700:760], y_test=raw.target[700:760])
    cache.mkdir(parents=True, exist_ok=True)
    (folder / "out" / ".models").symlink_to(cache.absolute())
    return configured(folder, **changes)


def configured(folder: Path, exits: Sequence[tuple[int, str]] | None = None, **changes: str) -> Project:
    """The project in ``folder``, its configuration written anew with ``changes``; ``exits``, (after, head) each, replace its early exits,
    which then leave by max_logit as calibration likes."""
    text = TOML
    if exits is not None:
        early = "".join(f'[[exits]]\npolicy = "max_logit"\nafter = {after}\nhead = "{head}"\n' for after, head in exits)
        start, end = text.index("[[exits]]"), text.index("[target]")
        text = f'{text[:start]}{early}[[exits]]\npolicy = "always"\n\n[calibrate]\naccuracy_loss = 2.0\n\n{text[end:]}'
    if "checkpoint" in changes:
        text = text.replace("epochs = ", "checkpoint = \nepochs = ")
    lines = text.splitlines()
    for key, value in changes.items():
        place = next(index for index, line in enumerate(lines) if line.startswith(f"{key} = "))
        lines[place] = f"{key} = {value}"
    (folder / "config.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return load_config(folder / "config.toml")


def changed(project: Project, tables: Mapping[str, Mapping[str, Any]], **files: Path) -> Project:
    """``project`` with other values by table and key, and with ``files`` (start, samples)."""
    raw = project.config.model_dump()
    for table, values in tables.items():
        raw[table] = raw[table] | values
    return dataclasses.replace(project, config=Config.model_validate(raw), **files)


def with_data(project: Project, **arrays: np.ndarray) -> Project:
    """``project`` with some arrays of its data set replaced."""
    assert project.data is not None
    with np.load(project.data, allow_pickle=False) as found:
        np.savez(project.data, **{**found, **arrays})
    return project
