"""The whole way on a small project: what is made, what is skipped, what an interruption leaves."""

import json
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from build_flows.base.errors import ConfigError
from build_flows.base.files import hash_path
from build_flows.base.ui import Progress, SilentUi
from build_flows.project.load import Project
from build_flows.project.load import load as load_config
from build_flows.steps import flow
from build_flows.steps.data import project_dataset
from build_flows.steps.sources import Sources
from tests.build_flows.projects import configured
from tests.build_flows.projects import project as small

pytestmark = pytest.mark.cosim

STEPS = ("train", "calibrate", "export", "compile", "agree", "simulate", "report")
ARTEFACTS = (
    "checkpoint.safetensors", "metrics.json", "exits.json", "tradeoff.json", "model.onnx", "golden.npz", "folding.toml", "sizing.json",
    "dataflow.onnx", "netlist.json", "rtl", "agreement.json", "sim.json", "report.html",
)
Copy = Callable[..., Project]


def stamps(project: Project) -> dict[str, int]:
    """When each step ran last."""
    found = (project.output / ".steps").glob("*.json")
    return {item.stem: item.stat().st_mtime_ns for item in found if item.name != "sources.json"}


def ran(project: Project, before: dict[str, int]) -> set[str]:
    return {name for name, when in stamps(project).items() if before.get(name) != when}


class Interrupting(SilentUi):
    """Ctrl-C as soon as progress is told whose description starts with ``text``."""

    def __init__(self, text: str, updates: int = 1) -> None:
        self.text, self.updates = text, updates

    @contextmanager
    def progress(self, description: str, total: float | None = None) -> Iterator[Progress]:
        with super().progress(description, total) as bar:
            yield self if description.startswith(self.text) else bar

    def advance(self, amount: float = 1) -> None:
        self.update()

    def milestone(self, text: str) -> None:
        pass

    def update(self, *, completed: float | None = None, total: float | None = None, text: str | None = None) -> None:
        self.updates -= 1
        if not self.updates:
            raise KeyboardInterrupt


def test_everything_is_made_once_and_agrees(copy: Copy) -> None:
    project = copy()
    before = stamps(project)
    assert flow.report(project, SilentUi()) == project.output / "report.html"
    assert ran(project, before) <= {"report"}
    assert all((project.output / name).exists() for name in ARTEFACTS)
    assert set(stamps(project)) == set(STEPS)
    figures = json.loads((project.output / "sim.json").read_text())["figures"]
    assert figures["agree"] == figures["samples"] == 40
    left = {item.name for item in project.output.iterdir()} - {*ARTEFACTS, ".lock", ".steps"}
    assert not left
    before = stamps(project)
    flow.report(project, SilentUi())
    assert ran(project, before) == set()
    # Nothing was synthesised: the verdict is a prediction, and the page says so.
    verdict = flow.verdict(project, SilentUi())
    assert (verdict.basis, verdict.fits, verdict.meets_clock) == ("predicted", True, None)
    assert "(predicted, not synthesised yet); clock not estimated yet" in (project.output / "report.html").read_text()


@pytest.mark.slow
def test_a_change_runs_only_what_depends_on_it(copy: Copy) -> None:
    project = copy()
    before = stamps(project)
    flow.simulate(configured(project.file.parent, finn_images="2"), SilentUi(), samples=40)
    assert ran(project, before) == {"agree"}

    before, exits = stamps(project), (project.output / "exits.json").read_bytes()
    flow.compile(configured(project.file.parent, finn_images="2", shares="[0.3, 0.3]"), SilentUi())
    # Another share of hard samples is folded otherwise; the graph is another one then.
    assert {"calibrate", "compile"} <= ran(project, before) <= {"calibrate", "compile", "agree"}
    assert (project.output / "exits.json").read_bytes() != exits


@pytest.mark.slow
def test_a_network_without_early_exits_goes_all_the_way(tiny: Project, tmp_path: Path) -> None:
    folder = tmp_path / "plain"
    (folder / "out").mkdir(parents=True)
    shutil.copy(tiny.file.parent / "digits.npz", folder)
    (folder / "out" / ".models").symlink_to((tiny.output.parent / ".models").resolve())
    shutil.copy(tiny.output / "checkpoint.safetensors", folder / "all.safetensors")
    project = configured(folder, [], checkpoint='"all.safetensors"')
    page = flow.report(project, SilentUi()).read_text()
    assert "Not trained here: the weights are those of another training, of a network with 3 exits." in page
    netlist, simulated = (json.loads((project.output / name).read_text()) for name in ("netlist.json", "sim.json"))
    assert (len(netlist["exits"]), netlist["gates"]) == (1, [])
    figures = simulated["figures"]
    assert figures["agree"] == figures["samples"] == 40
    assert [item["share"] for item in figures["exits"]] == [1.0]


@pytest.mark.slow
def test_a_subnet_is_one_exit_of_the_whole_network(copy: Copy) -> None:
    from quant_models.integers.view import integer_logits
    from quant_models.networks.checkpoint import load_model

    project = copy()
    before, trained = stamps(project), json.loads((project.output / "metrics.json").read_text())["exits"]
    text = project.file.read_text()
    project.file.write_text(text.replace('[build]\n', '[build]\nmode = "subnet"\nexit = 1\n'))
    project = load_config(project.file)
    page = flow.report(project, SilentUi()).read_text()
    assert "mode subnet: exit 1 of the trained network alone" in page
    assert ran(project, before) == {*STEPS, "subnet"} - {"train"}
    netlist, simulated = (json.loads((project.output / name).read_text()) for name in ("netlist.json", "sim.json"))
    assert (len(netlist["exits"]), len(netlist["stages"]), netlist["gates"]) == (1, 1, [])
    assert netlist["exits"][0]["policy"] == "always"
    assert simulated["figures"]["agree"] == simulated["figures"]["samples"] == 40
    assert not any(item["name"].startswith(("stage1", "head1", "fork")) for item in netlist["layers"])
    found = flow.train(project, SilentUi())
    assert found.mode == "subnet"
    assert [item.accuracy for item in found.alone] == [trained[1]["accuracy"]]

    images = project_dataset(project).x_test[:40]
    whole = integer_logits(load_model(project.output / "checkpoint.safetensors"), images)
    labels = [sample["label"] for sample in simulated["samples"]]
    assert labels == whole[1].argmax(1).tolist()
    assert labels != whole[0].argmax(1).tolist()
    told = flow.evaluate(project, SilentUi())
    assert (told.mode, told.subnet, len(told.exits)) == ("subnet", 1, 1)
    assert told.measured_cycles == simulated["figures"]["cycles_per_sample"]
    assert "Mode subnet: exit 1 of the trained" in (project.output / "evaluation.html").read_text()


@pytest.mark.slow
def test_mode_anytime_gives_an_answer_of_every_exit(copy: Copy) -> None:
    project = copy()
    before, plain = stamps(project), json.loads((project.output / "sim.json").read_text())
    project.file.write_text(project.file.read_text().replace('[build]\n', '[build]\nmode = "anytime"\n'))
    project = load_config(project.file)
    page = flow.report(project, SilentUi()).read_text()
    assert ran(project, before) == {"compile", "simulate", "report"}
    simulated = json.loads((project.output / "sim.json").read_text())
    figures = simulated["figures"]
    assert figures["agree"] == figures["samples"] == 40
    for now, then in zip(simulated["samples"], plain["samples"], strict=True):
        assert {key: now[key] for key in ("id", "label", "exit", "confidence")} == {
            key: then[key] for key in ("id", "label", "exit", "confidence")}
        assert [item["exit"] for item in now["provisional"]] == list(range(now["exit"]))
    words = [1 + len(sample["provisional"]) for sample in simulated["samples"]]
    assert figures["anytime"]["words_per_sample"] == sum(words) / 40
    assert figures["anytime"]["exits"][0]["answered"] == 1.0
    right = [(sample["provisional"] or [sample])[0]["label"] == label
             for sample, label in zip(simulated["samples"], simulated["labels"], strict=True)]
    assert figures["anytime"]["exits"][0]["accuracy"] == sum(right) / 40
    assert "mode anytime" in page
    assert f"{sum(words) / 40:.2f}</b> result words per sample" in page


def test_two_exits_after_one_block_are_compiled_one_at_a_time(copy: Copy) -> None:
    both = configured(copy().file.parent, [(0, "preset"), (0, "linear")])
    both.file.write_text(both.file.read_text().replace('[build]\n', '[build]\nmode = "subnet"\nexit = 1\n'))
    load_config(both.file).refuse_shared_places()


def test_what_is_trained_follows_places_and_heads_but_not_policies(copy: Copy) -> None:
    project = copy()
    before = stamps(project)
    text = project.file.read_text()
    project.file.write_text(text.replace('policy = "softmax"', 'policy = "margin"\nafter = 0').replace(
        'policy = "max_logit"', 'policy = "entropy"\nafter = 1\nhead = "preset"'))
    flow.train(load_config(project.file), SilentUi())
    assert ran(project, before) == {"calibrate"}
    flow.train(configured(project.file.parent, [(0, "preset"), (1, "linear")], epochs="1"), SilentUi())
    assert ran(project, before) == {"train", "calibrate"}


def test_two_exits_after_one_block_are_trained_but_not_compiled(copy: Copy) -> None:
    project = copy()
    both = configured(project.file.parent, [(0, "preset"), (0, "linear")], epochs="1")
    before = stamps(project)
    with pytest.raises(ConfigError) as caught:
        flow.report(both, SilentUi())
    assert caught.value.message.startswith(
        f"{both.file}: exits[1].after = 0: two exits after block 0 can be trained together, but not compiled; allowed: one of them"
    )
    assert ran(project, before) == set()
    assert len(flow.train(both, SilentUi()).alone) == 3


def test_damaged_artefacts_are_made_anew(copy: Copy) -> None:
    project = copy()
    checkpoint = project.output / "checkpoint.safetensors"
    whole, before = checkpoint.read_bytes(), stamps(project)
    checkpoint.write_bytes(whole[: len(whole) // 2])
    (project.output / "exits.json").write_text("{")
    flow.train(project, SilentUi())
    assert checkpoint.read_bytes() == whole
    assert ran(project, before) == {"train", "calibrate"}
    (project.output / "sim.json").write_text("")
    flow.simulate(project, SilentUi(), samples=40)
    assert ran(project, before) == {"train", "calibrate", "simulate"}


def test_training_depends_on_the_chosen_scheme_and_the_content_of_its_files(tmp_path: Path, model_cache: Path) -> None:
    made, sources = small(tmp_path, model_cache), Sources()

    def training(train: str = "", tables: str = "") -> dict[str, Any]:
        """All that the training with more lines in [train], and more tables, depends on."""
        file = made.file.with_name("other.toml")
        file.write_text(made.file.read_text().replace("threads = 1\n", f"threads = 1\n{train}\n") + tables)
        return flow.train_step(load_config(file)).parts(sources)

    for name, content in (("a", b"1"), ("b", b"1"), ("c", b"2")):
        (tmp_path / name).write_bytes(content)
    plain, distill = training(), training('scheme = "distill"')
    assert plain != distill != training('scheme = "distill"', "[distill]\nalpha = 0.25\n") != plain
    assert plain == training("", "[distill]\nalpha = 0.25\n") == training('scheme = "joint"')
    starts = [training(f'start = "{name}"') for name in "abc"]
    assert plain != starts[0] == starts[1] != starts[2]
    samples = [training('scheme = "consistent"', f'[consistent]\nsamples = "{name}"\n') for name in "abc"]
    assert samples[0] == samples[1] != samples[2]
    taken = training('checkpoint = "a"')
    assert taken == training('checkpoint = "b"\nstart = "c"\nscheme = "distill"\nclip = 1.0', "[distill]\nalpha = 0.25\n")
    assert taken not in (plain, training('checkpoint = "c"'))


@pytest.mark.slow
def test_bits_of_single_layers_go_all_the_way(copy: Copy) -> None:
    """To RTL that computes what the trained network does."""
    made = copy(epochs="1")
    bits = "{ stage0_conv0 = { weight = 6, act = 5 }, stage1_conv0 = { act = 2 }, head0_fc0 = { weight = 7 }, head2_gap0 = { act = 4 } }"
    made.file.write_text(made.file.read_text().replace("act_bits = 3\n", f"act_bits = 3\nlayer_bits = {bits}\n"))
    found = flow.simulate(load_config(made.file), SilentUi(), samples=20)
    assert found.agree == found.samples == 20
    netlist = json.loads((made.output / "netlist.json").read_text())
    streams = {item["dst"][0]: item["bits"] for item in netlist["streams"]}
    assert [streams[name] for name in ("fork0", "head0_fc0_mvau", "fork1", "head1_fc0_mvau", "head2_gap0", "head2_fc0_mvau")] == [
        5, 5, 4, 2, 3, 4,
    ]


def test_the_report_is_made_anew_when_what_it_shows_changed(copy: Copy, monkeypatch: pytest.MonkeyPatch) -> None:
    project = copy()
    flow.report(project, SilentUi())
    before = stamps(project)
    renamed = project.file.rename(project.file.with_name("renamed.toml"))
    flow.report(load_config(renamed), SilentUi())
    assert ran(project, before) == {"report"}
    assert "offramp run renamed.toml" in (project.output / "report.html").read_text()

    before = stamps(project)
    monkeypatch.setattr(platform, "python_version", lambda: "3.99.1")
    flow.report(load_config(renamed), SilentUi())
    assert ran(project, before) == {"report"}


@pytest.mark.parametrize(("text", "updates", "changes"), [
    ("training", 12, {"epochs": "3"}), ("FINN", 1, {"finn_images": "3"}), ("simulating", 1, {"samples": "30"}),
])
def test_an_interruption_leaves_what_was_there(text: str, updates: int, changes: dict[str, str], copy: Copy) -> None:
    project = copy(**changes)
    before = {name: hash_path(project.output / name) for name in ARTEFACTS}
    when = stamps(project)
    with pytest.raises(KeyboardInterrupt):
        flow.simulate(project, Interrupting(text, updates), samples=project.config.simulate.samples)
    assert ran(project, when) <= {"agree"}
    assert {name: hash_path(project.output / name) for name in ARTEFACTS if name != "agreement.json"}.items() <= before.items()
    if text == "training":
        flow.train(project, SilentUi())
        assert len(json.loads((project.output / "metrics.json").read_text())["history"]) == 3
    else:
        found = flow.simulate(project, SilentUi(), samples=project.config.simulate.samples)
        assert found.agree == found.samples == project.config.simulate.samples


@pytest.mark.slow
def test_simulate_on_the_command_line(copy: Copy) -> None:
    project = copy()
    kept = (project.output / "sim.json").read_bytes()
    options = ["--stall", "0.3", "--seed", "5", "--samples", "20", "--json"]
    command = [sys.executable, "-m", "build_flows.cli.main", "simulate", str(project.file), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[3])
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    found = json.loads(done.stdout)
    names = {"samples", "agree", "accuracy", "exits", "cycles_per_sample", "clock_mhz", "samples_per_second", "limited_by",
             "sim_cycles_per_second"}
    assert names <= set(found)
    assert found["samples"] == found["agree"] == 20
    assert all({"share", "accuracy"} <= set(item) for item in found["exits"])
    assert (project.output / "sim.json").read_bytes() == kept
