"""A mutant is run by the real command line up to where work would begin, and judged by what was told."""

import datetime
import math

import pytest

from benchmarks.trust_fork import KILLED, Told
from benchmarks.trust_mutant import STARTED, Mutant, run, shown, verdict
from build_flows.project.template import template

WRONG = Mutant(kind="value", what="a wrong number", args=("train", "config.toml"), says=("train.epochs", "0"))
LINE = "offramp: config.toml: train.epochs = 0: allowed: whole number from 1 to 10000\n"


@pytest.mark.parametrize(("code", "out", "err", "found"), [
    (1, "", LINE, None),
    (1, "", LINE + "  hint: more\n", None),
    (2, "", "Usage: offramp\nTry 'offramp --help' for help.\n\nError: train.epochs 0\n", None),
    (0, "", LINE, "accepted"),
    (STARTED, "", "", "accepted"),
    (KILLED, "", "", "does not end"),
    (1, "", "Traceback (most recent call last):\n" + LINE, "traceback"),
    (3, "", LINE, "exit code 3"),
    (1, "{}", LINE, "writes on stdout"),
    (1, "", "", "not one line for each fault"),
    (1, "", LINE + "ValueError: 0\n", "not one line for each fault"),
    (1, "", LINE * 13, "13 lines"),
    (1, "", "offramp: train.epochs: allowed: 1 to 10\n", None),
    (1, "", "offramp: train.epochs = 1.5: allowed: whole number\n", "does not say '0'"),
    (1, "", "offramp: train.epochs = 0\n", "does not say what is allowed"),
])
def test_verdicts(code: int, out: str, err: str, found: str | None) -> None:
    assert verdict(WRONG, Told(code, out, err, 0.0)) == found


@pytest.mark.parametrize(("code", "found"), [(0, None), (STARTED, None), (1, "refused, though it is legal"), (KILLED, "does not end")])
def test_a_legal_mutant_must_be_taken(code: int, found: str | None) -> None:
    assert verdict(Mutant(kind="legal", what="as it is", args=(), legal=True), Told(code, "", "", 0.0)) == found


@pytest.mark.parametrize(("value", "text"), [
    (True, "true"), ("a\"b", '"a\\"b'), ("x" * 100, '"' + "x" * 39), (10**50, str(10**50)[:40]), (math.nan, "nan"), ([1], ""),
    (datetime.date(2024, 1, 1), ""),
])
def test_what_must_be_shown_of_a_value(value: object, text: str) -> None:
    assert shown(value) == text


def test_mutants_run_up_to_where_work_begins() -> None:
    text = template("digits")
    files = {"config.toml": text.encode()}
    told = run(Mutant(kind="legal", what="", args=("train", "config.toml"), files=files, legal=True))
    assert (told.code, told.out) == (STARTED, "")
    wrong = {"config.toml": text.replace("epochs = 40", "epochs = 0").encode()}
    told = run(Mutant(kind="value", what="", args=("train", "config.toml"), files=wrong))
    assert (told.code, told.out, told.err) == (1, "", LINE)
    assert verdict(WRONG, told) is None
