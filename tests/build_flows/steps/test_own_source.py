"""The files that a network of one's own is made from are all inputs of the step that takes it."""

from pathlib import Path

import pytest

from build_flows.base.errors import ConfigError
from build_flows.project.load import load as load_config
from build_flows.steps.own_source import own_source
from tests.build_flows.own_networks import TOML


def sources(folder: Path, source: str) -> dict[str, str]:
    """The inputs of a project in ``folder``, relative to that."""
    (folder / "digits.npz").touch()
    (folder / "config.toml").write_text(TOML.replace("SOURCE", source))
    found = own_source(load_config(folder / "config.toml"))
    return {name: path.relative_to(folder).as_posix() for name, path in found.items()}


def test_a_module_its_helpers_and_its_weights(tmp_path: Path) -> None:
    for name, text in (("nets", "import helper, torch\n"), ("helper", "from deeper import x\n"), ("deeper", "x = 1\n"), ("other", "")):
        (tmp_path / f"{name}.py").write_text(text)
    (tmp_path / "net.pt").touch()
    helpers = {f"factory/{name}.py": f"{name}.py" for name in ("nets", "helper", "deeper")}
    assert sources(tmp_path, 'factory = "nets:make"') == {"factory": "nets.py", **helpers}
    assert sources(tmp_path, 'factory = "nets:make"\nweights = "net.pt"') == {"factory": "nets.py", **helpers, "weights": "net.pt"}


def test_a_package_counts_whole_and_with_what_it_imports(tmp_path: Path) -> None:
    (tmp_path / "pack").mkdir()
    for name, text in (("pack/__init__", ""), ("pack/nets", "import helper\n"), ("pack/data", ""), ("helper", "")):
        (tmp_path / f"{name}.py").write_text(text)
    found = sources(tmp_path, 'factory = "pack.nets:make"')
    assert found.pop("factory") == "pack"
    assert set(found.values()) == {"pack/__init__.py", "pack/nets.py", "helper.py"}


def test_a_qonnx_file_is_the_network(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").touch()
    assert sources(tmp_path, 'qonnx = "net.onnx"') == {"qonnx": "net.onnx"}


def test_a_module_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=(
        r'config\.toml: model\.factory = "gone:make": there is no module gone in .* or on Python\'s path; '
        r"allowed: module:function; model\.modules names another folder"
    )):
        sources(tmp_path, 'factory = "gone:make"')


def test_modules_may_lie_in_another_folder(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "nets.py").write_text("import helper\n")
    (tmp_path / "src" / "helper.py").touch()
    found = sources(tmp_path, 'factory = "nets:make"\nmodules = "src"')
    assert found == {"factory": "src/nets.py", "factory/nets.py": "src/nets.py", "factory/helper.py": "src/helper.py"}
