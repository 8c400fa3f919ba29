"""Steps survive the way into the simulator's process."""

import json

from sim.accelerator.scenario import Cycles, Read, Reset, Results, Send, Sent, Stall, Write, decode, encode


def test_round_trip():
    steps = [Reset(3), Write("CONTROL", -1), Read(), Stall(0.25, 0.5), Send(7, 9), Sent(), Results(4), Cycles(2)]
    assert [decode(json.loads(json.dumps(encode(step)))) for step in steps] == steps
