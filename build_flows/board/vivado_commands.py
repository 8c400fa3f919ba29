"""The commands of Vivado that the Tcl of a build uses, with the options it may give them (UG835, 2022.2 to 2024.2)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["COMMANDS", "Call", "Refused", "Word", "read_call"]


class Refused(ValueError):
    """A command was given what it does not take, or what does not exist."""


@dataclass(frozen=True)
class Word:
    """A word of a command: its text, and its elements as a Tcl list."""

    text: str
    items: tuple[str, ...]


@dataclass(frozen=True)
class Call:
    """A command as given: its ``options`` (a flag's value is "1"), the words beside them, and the working directory."""

    options: Mapping[str, Word]
    given: Sequence[Word]
    folder: Path


@dataclass(frozen=True)
class _Syntax:
    valued: frozenset[str]
    needed: frozenset[str]
    flags: frozenset[str]
    least: int
    most: int


def _syntax(text: str) -> _Syntax:
    """From ``-flag -option= -needed=! LEAST MOST``: options, and how many other words."""
    words = text.split()
    options = [word for word in words if word.startswith("-")]
    least, most = (int(word) for word in words if not word.startswith("-"))
    return _Syntax(
        valued=frozenset(word.partition("=")[0] for word in options if "=" in word),
        needed=frozenset(word.partition("=")[0] for word in options if word.endswith("!")),
        flags=frozenset(word for word in options if "=" not in word), least=least, most=most)


_MANY = 10**6
COMMANDS: Mapping[str, _Syntax] = {name: _syntax(text) for name, text in {
    "version": "-short 0 0",
    "set_param": "2 2",
    "set_msg_config": "-id=! -new_severity=! 0 0",
    "get_parts": "-quiet 1 1",
    "create_project": "-force -part=! 1 2",
    "current_project": "0 0",
    "get_filesets": "1 1",
    "add_files": "-norecurse -fileset= 1 1",
    "get_files": f"1 {_MANY}",
    "update_compile_order": "-fileset= 0 0",
    "can_resolve_reference": "1 1",
    "set_property": "-dict= 1 3",
    "get_property": "2 2",
    "get_ipdefs": "-quiet -all 1 1",
    "create_bd_design": "1 1",
    "create_bd_cell": "-type=! -vlnv= -reference= 1 1",
    "create_bd_intf_port": "-mode=! -vlnv=! 1 1",
    "get_bd_cells": "1 1",
    "get_bd_pins": "1 1",
    "get_bd_intf_pins": "1 1",
    "get_bd_intf_ports": "1 1",
    "connect_bd_net": f"2 {_MANY}",
    "connect_bd_intf_net": "2 2",
    "get_bd_addr_segs": "1 1",
    "get_bd_addr_spaces": "1 1",
    "assign_bd_address": "-offset=! -range=! -target_address_space=! -force 1 1",
    "validate_bd_design": "0 0",
    "save_bd_design": "0 0",
    "make_wrapper": "-fileset= -files=! -top 0 0",
    "generate_target": "2 2",
    "synth_design": "-top=! -part=! 0 0",
    "opt_design": "0 0",
    "place_design": "0 0",
    "phys_opt_design": "0 0",
    "route_design": "0 0",
    "current_design": "0 0",
    "report_utilization": "-file= -return_string 0 0",
    "report_timing_summary": "-max_paths= -report_unconstrained -warn_on_violation -file=! 0 0",
    "report_power": "-file=! 0 0",
    "get_timing_paths": "-quiet -delay_type=! -max_paths= -nworst= 0 0",
    "write_checkpoint": "-force 1 1",
    "write_bitstream": "-force 1 1",
}.items()}


def read_call(command: str, words: Sequence[Word], folder: Path) -> Call:
    """Sort the ``words`` after ``command`` into options and others. Raises :class:`Refused` for an option it does not have, one without its
    value, and for too few or too many others."""
    syntax = COMMANDS[command]
    options: dict[str, Word] = {}
    given: list[Word] = []
    waiting = list(words)
    while waiting:
        word = waiting.pop(0)
        if not (word.text.startswith("-") and word.text[1:2].isalpha()):
            given.append(word)
        elif word.text in syntax.flags:
            options[word.text] = Word("1", ("1",))
        elif word.text in syntax.valued:
            if not waiting:
                raise Refused(f"{command}: {word.text} has no value")
            options[word.text] = waiting.pop(0)
        else:
            raise Refused(f"{command}: unknown option {word.text}")
    missing = [name for name in syntax.needed if name not in options]
    if missing:
        raise Refused(f"{command}: {', '.join(missing)} is missing")
    if not syntax.least <= len(given) <= syntax.most:
        raise Refused(f"{command}: {len(given)} arguments ({' '.join(word.text for word in given)})")
    return Call(options, given, folder)
