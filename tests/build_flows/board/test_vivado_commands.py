"""Options of Vivado's commands."""

from pathlib import Path

import pytest

from build_flows.board.vivado_commands import COMMANDS, Refused, Word, read_call
from build_flows.board.vivado_model import VivadoModel


def words(text):
    return [Word(word, (word,)) for word in text.split()]


def test_options_and_others_are_told_apart():
    call = read_call("assign_bd_address", words("-offset 0x0 -range 4096 -target_address_space s seg -force"), Path())
    assert {name: word.text for name, word in call.options.items()} == {
        "-offset": "0x0", "-range": "4096", "-target_address_space": "s", "-force": "1"}
    assert [word.text for word in call.given] == ["seg"]


def test_a_negative_number_is_no_option():
    assert [word.text for word in read_call("set_param", words("a -1"), Path()).given] == ["a", "-1"]


@pytest.mark.parametrize(("command", "text", "message"), [
    ("opt_design", "-directive Explore", "opt_design: unknown option -directive"),
    ("synth_design", "-top a", "synth_design: -part is missing"),
    ("synth_design", "-part p -top", "synth_design: -top has no value"),
    ("connect_bd_intf_net", "a", r"connect_bd_intf_net: 1 arguments \(a\)"),
    ("validate_bd_design", "x", "validate_bd_design: 1 arguments"),
])
def test_what_is_refused(command, text, message):
    with pytest.raises(Refused, match=message):
        read_call(command, words(text), Path())


def test_every_command_is_modelled():
    assert [name for name in COMMANDS if not callable(getattr(VivadoModel, f"_{name}", None))] == []
