"""What steps say reaches the person, as plain text where there is no terminal."""

import io

from rich.console import Console

from build_flows.base.ui import RichUi, SilentUi, Ui, building


def _say(ui: Ui) -> None:
    with ui.progress("training [epoch]", total=2) as bar:
        bar.advance()
        bar.update(completed=2, text="loss 0.1")
        bar.milestone("epoch 2 of 2")
    ui.info("fold [stage0_conv0]")
    ui.table("Exits [2]", ("exit", "share", "[n]"), [(0, 0.75, "7.5 %"), (1, 1234567, "-")])


def test_text_is_never_taken_for_markup() -> None:
    file = io.StringIO()
    _say(RichUi(Console(file=file, width=80)))
    text = file.getvalue()
    for part in ("training [epoch]: epoch 2 of 2", "fold [stage0_conv0]", "Exits [2]", "0.75", "1,234,567", "7.5 %", "[n]"):
        assert part in text
    assert "\x1b" not in text


def test_bars_appear_on_a_terminal() -> None:
    file = io.StringIO()
    _say(RichUi(Console(file=file, width=100, force_terminal=True)))
    assert "2/2" in file.getvalue()
    assert "epoch 2 of 2" in file.getvalue()


def test_silent_says_nothing(capfd) -> None:  # type: ignore[no-untyped-def]
    _say(SilentUi())
    assert capfd.readouterr() == ("", "")


def test_a_model_is_told_to_be_built_only_when_it_is() -> None:
    file = io.StringIO()
    ui = RichUi(Console(file=file, width=80))
    with building(ui, "the model"):
        pass
    assert file.getvalue() == ""
    with building(ui, "the model") as tell:
        tell(0, None)
        tell(1, 2)
        tell(2, 2)
    assert file.getvalue() == "building the model in Verilator (kept for the next run)\n"
