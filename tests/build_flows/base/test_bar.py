"""At any width of a terminal the figures of a bar can be read."""

import io
import re

import pytest
from rich.console import Console

from build_flows.base.bar import bar

NAME = "training b_lenet_fashion_with_a_name_that_is_longer_than_there_is_room_for"


def drawn(width: int, text: str) -> list[str]:
    file = io.StringIO()
    with bar(Console(file=file, width=width, force_terminal=True, color_system=None), NAME, 5628) as shown:
        shown.update(completed=1234, text=text)
        shown.advance(2)
    return re.sub(r"\x1b\[[0-9?;]*[a-zA-Z]", "\n", file.getvalue()).replace("\r", "\n").split("\n")


@pytest.mark.parametrize("width", [60, 80, 120])
def test_nothing_of_its_figures_is_cut(width: int) -> None:
    text = "epoch 3 of 12: loss 0.321, exits 97.8 %  98.3 %"
    lines = drawn(width, text)
    assert all(len(line) <= width for line in lines)
    last = [line for line in lines if "1236/5628" in line][-1]
    assert last.startswith("training b_len")
    assert re.search(r"1236/5628 \d:\d\d:\d\d (-:--:--|\d:\d\d:\d\d)", last)
    assert f"  {text}" in [line.rstrip() for line in lines]


def test_a_long_text_is_cut_and_not_the_bar() -> None:
    lines = drawn(80, "x" * 200)
    assert any(line.startswith("  xxx") and line.rstrip().endswith("…") for line in lines)
    assert any("1236/5628" in line for line in lines)
