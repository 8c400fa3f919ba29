import sys
from types import SimpleNamespace
from typing import Any

import pytest

from build_flows.base.ui import RichUi, SilentUi
from offramp import notebook
from offramp.notebook import NotebookUi, chosen_ui


class Kernel:
    """Stands in for IPython's display: remembers every picture."""

    def __init__(self) -> None:
        self.pictures: list[str] = []

    def display(self, shown: str, display_id: bool = False) -> Any:
        self.pictures.append(shown)
        return SimpleNamespace(update=self.pictures.append)


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    found = Kernel()
    shell = SimpleNamespace(config={"IPKernelApp": {}})
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(HTML=str, display=found.display))
    return found


def test_a_notebook_shows_bars_and_lines(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(notebook.time, "monotonic", lambda: clock[0])
    ui = chosen_ui("auto")
    assert isinstance(ui, NotebookUi)
    ui.info("a <line>")
    assert "a &lt;line&gt;" in kernel.pictures[-1]
    with ui.progress("training", total=10) as bar:
        assert 'value="0"' not in kernel.pictures[-1] or 'max="10"' in kernel.pictures[-1]
        bar.advance()
        assert 'value="1"' not in kernel.pictures[-1], "no faster than a notebook draws"
        clock[0] = 1.0
        bar.update(completed=3, text="loss 1")
        assert 'value="3" max="10"' in kernel.pictures[-1]
        assert "loss 1" in kernel.pictures[-1]
        bar.update(completed=10)
        assert 'value="10"' in kernel.pictures[-1]
    assert "<progress" not in kernel.pictures[-1]
    assert "a &lt;line&gt;" in kernel.pictures[-1]
    ui.table("title", ("a",), [("b",)])
    assert "title" in kernel.pictures[-1]


def test_a_bar_without_an_end(kernel: Kernel) -> None:
    with NotebookUi().progress("somewhere"):
        assert "<progress></progress>" in kernel.pictures[-1]


def test_a_bar_goes_when_its_work_fails(kernel: Kernel) -> None:
    ui = NotebookUi()
    with pytest.raises(ValueError, match="inside"), ui.progress("failing", total=2):
        raise ValueError("inside")
    assert "<progress" not in kernel.pictures[-1]


def test_what_ui_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    assert isinstance(chosen_ui(None), SilentUi)
    own = SilentUi()
    assert chosen_ui(own) is own
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert isinstance(chosen_ui("auto"), RichUi)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False)
    assert isinstance(chosen_ui("auto"), SilentUi)
    with pytest.raises(ValueError, match='ui must be "auto", None or a Ui, not \'loud\''):
        chosen_ui("loud")
