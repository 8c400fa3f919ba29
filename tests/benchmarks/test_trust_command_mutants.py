"""Mutants of command lines, on a small tree of commands: click refuses each that it can know to be wrong."""

import random

import click
import pytest
from click.testing import CliRunner

from benchmarks.trust_command_mutants import TOLD, commands, option_mutants, order_mutants, told_mutants


@click.group()
def root() -> None:
    pass


@root.command()
@click.argument("config")
@click.option("--samples", type=click.IntRange(1, 9))
@click.option("--stall", type=click.FloatRange(0, 1))
@click.option("--board", type=click.Choice(["z1", "z2"]))
@click.option("--json", is_flag=True)
def simulate(config: str, samples: int | None, stall: float | None, board: str | None, json: bool) -> None:
    pass


@root.group()
def unit() -> None:
    pass


@unit.command()
@click.argument("config")
@click.option("--name")
def generate(config: str, name: str | None) -> None:
    pass


def test_all_commands_are_found() -> None:
    assert [path for path, _ in commands(root)] == [("simulate",), ("unit", "generate")]


@pytest.mark.parametrize("make", [option_mutants, order_mutants])
def test_every_one_is_refused_and_told(make) -> None:
    found = list(make(root, {}, random.Random(1)))
    assert len(found) > 12
    assert {mutant.args[0] for mutant in found if mutant.kind == "wrong option value"} <= {"simulate"}
    for mutant in found:
        result = CliRunner().invoke(root, list(mutant.args))
        assert result.exit_code == 2, mutant.args
        assert all(word in result.output for word in mutant.says), (mutant.says, result.output)
    again = list(make(root, {}, random.Random(1)))
    assert [item.args for item in again] == [item.args for item in found]


def test_the_kinds_of_mutants() -> None:
    kinds = {mutant.kind for make in (option_mutants, order_mutants) for mutant in make(root, {}, random.Random(1))}
    assert kinds == {
        "misspelt option", "flag with a value", "option without value", "wrong option value", "unknown command", "command in capitals",
        "missing argument", "too many arguments", "option before the command", "another command's option"}


def test_those_written_by_hand_are_no_two_alike() -> None:
    found = [mutant.args for mutant in told_mutants({})]
    assert len(found) == len(TOLD) == len(set(found))
