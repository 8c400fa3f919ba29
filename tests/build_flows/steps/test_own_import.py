"""A float network of one's own is quantised, fine-tuned and built: ``examples/own_float.toml``."""

import shutil
from pathlib import Path

import pytest

from build_flows.base.errors import ConfigError
from build_flows.base.files import hash_path, read_json
from build_flows.base.ui import SilentUi
from build_flows.project.load import Project
from build_flows.project.load import load as load_config
from build_flows.steps import flow
from build_flows.steps.data import project_dataset
from sim import golden

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.fixture
def imported(tmp_path: Path) -> Project:
    """The example, in a folder of the test's own."""
    for name in ("own_float.py", "own_float.safetensors", "own_float.toml"):
        shutil.copy(EXAMPLES / name, tmp_path)
    return changed(load_config(tmp_path / "own_float.toml"), 'scheme = "distill"', 'scheme = "distill"\nthreads = 1')


def changed(project: Project, old: str, new: str) -> Project:
    """``project`` with something else in its file."""
    text = project.file.read_text()
    assert old in text
    project.file.write_text(text.replace(old, new))
    return load_config(project.file)


@pytest.mark.slow
def test_it_is_quantised_and_then_fine_tuned_by_the_scheme(imported: Project) -> None:
    plain = changed(imported, "fine_tune = 5", "fine_tune = 0")
    flow.train(plain, SilentUi())
    metrics, made = (read_json(plain.output / name) for name in ("metrics.json", "training.json"))
    assert (metrics["history"], metrics["settings"]["epochs"], metrics["import"]["calibration_images"]) == ([], 0, 512)
    assert made["import"] == metrics["import"]
    assert min(row["accuracy"] for row in metrics["import"]["float"]) > 0.97
    # What was calibrated is what is read, and nothing was trained.
    assert [row["accuracy"] for row in metrics["exits"]] == pytest.approx(
        [row["accuracy"] for row in metrics["import"]["quantised"]], abs=0.01)
    assert min(row["accuracy"] for row in metrics["exits"]) > 0.9
    before = hash_path(plain.output / "weights.safetensors")
    tuned = changed(plain, "fine_tune = 0", "fine_tune = 3")
    flow.train(tuned, SilentUi())
    found = read_json(tuned.output / "metrics.json")
    assert (len(found["history"]), found["scheme"]["name"], found["import"]) == (3, "distill", metrics["import"])
    assert hash_path(tuned.output / "weights.safetensors") != before
    assert min(row["accuracy"] for row in found["exits"]) > 0.95


@pytest.mark.slow
def test_what_was_normalised_is_imported_too(imported: Project) -> None:
    """The network of the example was not; it is given nearly the same by a mean that is as good as none."""
    made = changed(imported, "fine_tune = 5", "fine_tune = 0\nmean = [1e-3]\nstd = [1.0]")
    flow.train(made, SilentUi())
    metrics = read_json(made.output / "metrics.json")
    assert min(row["accuracy"] for row in metrics["exits"]) > 0.9
    first = next(iter(golden.load(made.output / "golden.npz").stages))[0]
    assert first.name.startswith("stage0_conv")


def test_one_tensor_is_no_exit(imported: Project) -> None:
    file = imported.file.parent / "own_float.py"
    text = file.read_text()
    assert "return early, self.last(" in text
    file.write_text(text.replace("return early, self.last(", "return self.last("))
    with pytest.raises(ConfigError, match=r'import\.factory = "own_float:network": its forward gives one tensor, .*: exits are needed'):
        flow.train(imported, SilentUi())


def test_weights_that_do_not_fit_name_their_key(imported: Project) -> None:
    file = imported.file.parent / "own_float.py"
    file.write_text(file.read_text().replace("nn.Linear(8 * 4 * 4, 10)", "nn.Linear(8 * 4 * 4, 11)"))
    with pytest.raises(ConfigError, match=r'import\.weights = "own_float\.safetensors": .* tensor early\.bias must be \[11\]'):
        flow.train(imported, SilentUi())


@pytest.mark.slow
@pytest.mark.cosim
@pytest.mark.timeout(1800)
def test_it_runs_in_the_rtl_bit_for_bit(imported: Project, model_cache: Path) -> None:
    imported.output.parent.mkdir(exist_ok=True)
    model_cache.mkdir(parents=True, exist_ok=True)
    (imported.output.parent / ".models").symlink_to(model_cache.resolve())
    figures = flow.simulate(imported, SilentUi(), samples=40)
    assert (figures.samples, figures.agree) == (40, 40)
    data = project_dataset(imported)
    logits = golden.load(imported.output / "golden.npz").run(data.x_test)
    assert min((item.argmax(1) == data.y_test).mean() for item in logits) > 0.95
