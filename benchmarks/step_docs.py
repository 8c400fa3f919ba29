"""Writes ``docs/steps.md``, what every step depends on: ``python -m benchmarks.step_docs``. A test holds the page against the code, so that
no step comes to depend on something unseen."""

from collections.abc import Mapping
from pathlib import Path

from build_flows.base.files import write_text
from build_flows.steps import bitstream, calibrate, own_train, train
from build_flows.steps.sources import EXCLUDED, Closure, Sources

__all__ = ["PAGE", "STEPS", "closures", "text"]

PAGE = Path(__file__).parent.parent / "docs" / "steps.md"

STEPS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "train": ("build_flows.steps.train", train.APART),
    "train, import": ("build_flows.steps.import_weights", train.APART),
    "train, checkpoint": ("build_flows.steps.take", ()),
    "train, own": ("build_flows.steps.own", ()),
    "train-own": ("build_flows.steps.own_train", own_train.APART),
    "subnet": ("build_flows.steps.subnet", ()),
    "calibrate": ("build_flows.steps.calibrate", calibrate.APART),
    "export": ("build_flows.steps.export", ()),
    "compile": ("build_flows.steps.compile", ()),
    "agree": ("build_flows.steps.agree", ()),
    "simulate": ("build_flows.steps.simulate", ()),
    "report": ("build_flows.steps.report", ()),
    "evaluate": ("build_flows.steps.evaluate", ()),
    "evaluate, simulated": ("build_flows.steps.evaluate_hardware", ()),
    "profile": ("build_flows.steps.profile", ()),
    "synth": ("build_flows.steps.synth", ()),
    "resources": ("build_flows.steps.resources", ()),
    "answers": ("build_flows.explore.answers", ()),
    "match": ("build_flows.compare.compare", ("build_flows.pages", "build_flows.steps")),
    "plan-vivado": ("build_flows.steps.bitstream", ()),
    "bitstream": ("build_flows.steps.bitstream", bitstream.APART),
    "package": ("build_flows.steps.package", ()),
    "cosim": ("build_flows.steps.cosim", ()),
    "energy": ("build_flows.steps.energy", ()),
}
"""Every step, by its name and what makes it special, with the module of its function and what is left out."""


def closures(sources: Sources) -> dict[str, Closure]:
    """What every step depends on."""
    return {name: sources.closure(module, apart) for name, (module, apart) in STEPS.items()}


def text() -> str:
    """The page."""
    lines = [
        "# What every step depends on",
        "",
        "A step runs again when its settings, the content of its inputs, the version of a distribution that it uses, or code",
        "behind it changed. The code follows from the imports behind the step's function, and from what modules declare beside",
        "their loaders; comments and docstrings do not count, nor do " + ", ".join(f"`{name}`" for name in EXCLUDED) + ".",
        "This page is written by `python -m benchmarks.step_docs`, and a test holds it against the code: whoever changes it looks at what",
        "a step now depends on.",
    ]
    for name, closure in closures(Sources()).items():
        module, apart = STEPS[name]
        lines += ["", f"## {name}", "", f"`{module}`" + (f", without {', '.join(f'`{item}`' for item in apart)}" if apart else "")]
        lines += ["", f"Distributions: {', '.join(sorted(closure.tools)) or 'none'}.", ""]
        parts: dict[str, list[str]] = {}
        for path in closure.files:
            folder, _, file = path.rpartition("/")
            parts.setdefault(folder, []).append(file)
        lines += [f"- `{folder}/`: {', '.join(f'`{file}`' for file in files)}" for folder, files in sorted(parts.items())]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    write_text(PAGE, text())
