"""Every rule, on an accelerator that computes nothing (``protocol_stub.sv``): broken by one fault each, and silent without any."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from sim.accelerator.protocol import CHECKER
from sim.tools.model_messages import first_error
from sim.tools.verilator import Design, build

STUB = Path(__file__).with_name("protocol_stub.sv")
MAIN = """
#include "Vtop.h"
#include "verilated.h"
int main(int argc, char** argv) {
    VerilatedContext context;
    context.commandArgs(argc, argv);
    context.fatalOnError(false);
    Vtop top{&context};
    while (!context.gotFinish()) {
        context.timeInc(1);
        top.clk ^= 1;
        top.eval();
    }
    top.final();
    return context.errorCount() != 0;
}
"""
FAULTS = {
    # The accelerator's results.
    "valid_falls": "m_axis_valid_held", "data_changes": "m_axis_payload_stable", "last_changes": "m_axis_payload_stable",
    "valid_in_reset": "m_axis_valid_in_reset", "result_withdrawn": "m_axis_valid_held",
    "result_survives_discard": "m_axis_valid_after_reset", "result_twice": "m_axis_result_without_image",
    "valid_waits_for_ready": "m_axis_result_due", "result_too_many": "m_axis_result_without_image",
    "last_early": "m_axis_last", "last_never": "m_axis_last", "length_of_now": "m_axis_last", "length_of_16_bits": "m_axis_last",
    "irq_dead": "irq", "irq_twice": "irq", "irq_late": "irq", "irq_early": "irq",
    # Its images.
    "ready_after_reset": "s_axis_ready_after_reset", "ready_too_soon": "s_axis_ready_after_reset",
    "ready_late": "s_axis_ready_due", "takes_while_pending": "s_axis_ready_while_pending",
    "takes_too_many": "s_axis_images_inside",
    "s_valid_falls_and_rises": "s_axis_valid_held", "s_data_changes": "s_axis_payload_stable", "s_last_changes": "s_axis_payload_stable",
    "s_valid_in_reset": "s_axis_valid_in_reset",
    # Writes.
    "awvalid_falls": "s_axilite_aw_valid_held", "awaddr_changes": "s_axilite_aw_payload_stable",
    "awvalid_in_reset": "s_axilite_aw_valid_in_reset", "wvalid_falls": "s_axilite_w_valid_held",
    "wdata_changes": "s_axilite_w_payload_stable", "wstrb_changes": "s_axilite_w_payload_stable",
    "awready_due": "s_axilite_awready_due", "wready_due": "s_axilite_wready_due",
    "bvalid_falls": "s_axilite_b_valid_held", "bresp_slverr": "s_axilite_bresp",
    "bvalid_in_reset": "s_axilite_b_valid_in_reset",
    "bvalid_before_data": "s_axilite_bvalid_without_write", "bvalid_again": "s_axilite_bvalid_without_write",
    "bvalid_due": "s_axilite_bvalid_due", "bresp_exokay": "s_axilite_bresp",
    # Reads.
    "arvalid_falls": "s_axilite_ar_valid_held", "araddr_changes": "s_axilite_ar_payload_stable", "arready_due": "s_axilite_arready_due",
    "rvalid_falls": "s_axilite_r_valid_held", "rdata_changes": "s_axilite_r_payload_stable",
    "rresp_slverr": "s_axilite_rresp", "rvalid_in_reset": "s_axilite_r_valid_in_reset",
    "rvalid_alone": "s_axilite_rvalid_without_read", "rvalid_due": "s_axilite_rvalid_due", "rresp_decerr": "s_axilite_rresp",
}
ANYTIME = {"last_not_final": "m_axis_last", "last_early": "m_axis_last", "last_never": "m_axis_last"}
TOLD = {
    "length_of_now": "tlast is 0 with result 2 of a batch of 2", "length_of_16_bits": "tlast is 1 with result 2 of a batch of 65538",
    "last_never": "tlast is 0 with result 3 of a batch of 3", "last_early": "tlast is 1 with result 2 of a batch of 3",
    "last_not_final": "tlast is high with a result that is not final", "takes_too_many": "7 images are inside",
}
UNKNOWN = {"data_unknown": "m_axis_unknown", "rdata_unknown": "s_axilite_r_unknown", "s_valid_unknown": "s_axis_unknown"}


@pytest.fixture(scope="module", name="run")
def _run(model_cache, tmp_path_factory):
    """``run(fault, anytime)``: what the model says, and its exit code."""
    main = tmp_path_factory.mktemp("stub") / "main.cpp"
    main.write_text(MAIN)

    def run(fault, anytime=0):
        model = build(Design(top="protocol_bench", sources=[CHECKER, STUB], main=main, parameters={"ANYTIME": anytime}, optimise="O0",
                             waive={f"*/{STUB.name}": ()}, assertions=False), model_cache)
        ran = subprocess.run([model, f"+fault={fault}"], capture_output=True, text=True, check=False, timeout=60)
        return ran.stdout, ran.returncode

    return run


@pytest.mark.slow
@pytest.mark.cosim
@pytest.mark.parametrize("anytime", [0, 1])
@pytest.mark.parametrize("variant", ["none", "length_of_entry", "length_between"])
def test_silent_where_all_is_as_it_should_be(run, variant, anytime):
    told, code = run(variant, anytime)
    assert code == 0
    assert "the end" in told
    assert "rule" not in told


@pytest.mark.many(4)
@pytest.mark.cosim
@pytest.mark.parametrize(("fault", "rule", "anytime"), [
    *((fault, rule, 0) for fault, rule in FAULTS.items()), *((fault, rule, 1) for fault, rule in ANYTIME.items())])
def test_a_fault_breaks_its_rule_and_ends_the_simulation(run, fault, rule, anytime):
    told, code = run(fault, anytime)
    said = first_error(told.splitlines())
    assert re.fullmatch(rf"protocol rule {rule} is broken at [1-9]\d*: {TOLD.get(fault, '.+')}", said)
    assert code != 0
    assert "the end" not in told


def test_every_rule_is_broken_by_a_fault():
    text = CHECKER.read_text()
    written = set(re.findall(r'broken\("(\w+)"', text))
    channels = {name for name in written if re.match("valid_held|payload_stable|valid_in_reset|unknown", name)}
    found = {*FAULTS.values(), *UNKNOWN.values()}
    assert written - channels == {rule.removeprefix("s_axilite_") for rule in found if not rule.endswith(tuple(channels))}
    assert {name for name in channels if any(rule.endswith(name) for rule in found)} == channels


@pytest.mark.skipif(shutil.which("iverilog") is None, reason="Icarus Verilog is missing (apt-get install iverilog)")
@pytest.mark.parametrize(("fault", "rule"), [("none", None), *UNKNOWN.items(), ("irq_dead", "irq"), ("last_early", "m_axis_last")])
def test_a_simulator_with_unknowns_and_without_bind(fault, rule, tmp_path):
    subprocess.run(["iverilog", "-g2012", "-DINSTANCE", "-s", "protocol_bench", "-o", tmp_path / "stub", CHECKER, STUB], check=True)
    told = subprocess.run(["vvp", "-n", tmp_path / "stub", f"+fault={fault}"], capture_output=True, text=True, check=True).stdout
    assert "the end" in told
    assert re.findall(r"protocol rule (\w+) is broken at \d+", told) == ([] if rule is None else [rule])
