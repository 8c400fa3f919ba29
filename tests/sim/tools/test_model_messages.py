from sim.tools.model_messages import first_error

SAID = [
    "0 images",
    "[842] %Error: checker.sv:217: Assertion failed in TOP.bench.dut.protocol.broken: protocol rule irq is broken at 842: low",
    "%Error: /x/protocol_checker.sv:217: Verilog $stop",
    "[843] %Fatal: bench.sv:104: Assertion failed in bench: bench: cannot read x",
]


def test_what_the_first_error_said():
    assert first_error(SAID) == "protocol rule irq is broken at 842: low"
    assert first_error(reversed(SAID)) == "bench: cannot read x"
    assert first_error([SAID[0], SAID[2]]) is None
