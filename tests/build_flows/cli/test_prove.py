import json

import pytest
from click.testing import CliRunner

import hw.proofs
from build_flows.base.errors import OfframpError, explain
from build_flows.cli.main import cli
from hw.layers.stream_fork import StreamFork
from hw.proofs import PROOFS, Proof


def run(*words):
    return CliRunner().invoke(cli, ["prove", *words])


def wrong(h, fork):
    h.claim("input_is_always_ready", fork.i.ready)
    h.cover("offer", fork.i.valid)


def test_help_names_every_unit_and_variant_that_there_is(monkeypatch):
    proof = Proof(unit="new_unit", variant="of 3 bits", text="", depth=3, make=lambda: StreamFork(1, 2), describe=wrong)
    monkeypatch.setitem(PROOFS, proof.name, proof)
    said = " ".join(run("--help").stdout.split())
    for item in PROOFS.values():
        assert item.unit in said
        assert item.variant in said
    assert "new_unit of 3 bits" in said


def test_a_table_that_says_what_was_proven():
    result = run("stream_fork/2 outputs")
    assert result.exit_code == 0
    assert "any" in result.stdout
    assert "NOT" not in result.stdout


def test_json_and_a_depth():
    result = run("stream_fork", "--depth", "3", "--json")
    (first, *_), = json.loads(result.stdout).values()
    assert first["name"] == "stream_fork/2 outputs"
    assert (first["depth"], first["passed"], first["counterexample"]) == (3, True, None)


def test_what_does_not_hold_is_an_error_that_names_proof_claim_and_cycle(monkeypatch, tmp_path):
    proof = Proof(unit="stream_fork", variant="wrong", text="", depth=3, make=lambda: StreamFork(1, 2), describe=wrong)
    monkeypatch.setitem(PROOFS, proof.name, proof)
    assert hw.proofs.PROOFS is PROOFS
    result = run(proof.name, "--vcd", str(tmp_path), "--json")
    assert isinstance(result.exception, OfframpError)
    assert result.exception.message.startswith("stream_fork/wrong: not so in cycle 0: input is always ready\n")
    assert result.exception.hint == f"the waves are in {tmp_path}"
    assert (tmp_path / "stream-fork-wrong.vcd").is_file()
    assert not json.loads(result.stdout)["proofs"][0]["passed"]


@pytest.mark.parametrize(("words", "message"), [(["nix"], "there is no proof of 'nix'")])
def test_mishaps_are_told(words, message):
    result = run(*words)
    assert result.exit_code != 0
    assert message in explain(result.exception).message
