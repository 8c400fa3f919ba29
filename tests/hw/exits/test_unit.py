"""ExitUnit: its ports, and what holds when writes, resets and stalls come at any cycle."""

import random

import pytest
from amaranth.back import verilog
from amaranth.hdl import Shape
from amaranth.sim import Simulator

from hw.control.registers import offsets
from hw.exits.unit import CONTROLS, RESULT_FIELDS, ExitUnit
from hw.exits.unit_registers import ADDR_WIDTH, MAGIC, exit_unit_registers, letters

CLASSES, PE, BITS = 4, 2, 8
PARAMS = {
    "max_logit": {}, "margin": {}, "always": {}, "never": {}, "gate": {"gate_bits": 12}, "patience": {"id_bits": 8, "run_bits": 3},
    "class_threshold": {"score": "max_logit", "thresholds": [10, 20, 30, 40]},
}
AXI = {"s_axilite_awaddr": ADDR_WIDTH, "s_axilite_araddr": ADDR_WIDTH, "s_axilite_wdata": 32, "s_axilite_rdata": 32, "s_axilite_wstrb": 4,
       "s_axilite_bresp": 2, "s_axilite_rresp": 2,
       **{f"s_axilite_{channel}{what}": 1 for channel in ("aw", "w", "b", "ar", "r") for what in ("valid", "ready")}}


def build(policy="max_logit", control="axi4lite", **more):
    parts = {"classes": CLASSES, "pe": PE, "acc_bits": BITS, "bias": [0] * CLASSES, "policy": policy, "params": PARAMS[policy]}
    return ExitUnit(**{**parts, "control": control, **more})


def draw(count, seed=1):
    rng = random.Random(seed)
    return [[rng.randint(-100, 100) for _ in range(CLASSES)] for _ in range(count)]


def word(row, leaves):
    """The result word of ``max_logit``."""
    return row.index(max(row)) | leaves << 15 | (max(row) & 0xFFFF) << 16


class Axi:
    """Reads and writes as a host makes them, one after another; ``begun`` and ``done`` tell the cycles."""

    def __init__(self, *steps):
        """``steps`` are (cycle from which, register's name or any address, value or None to read)."""
        self.steps, self.values, self.done = list(steps), [], []
        self._open = set()

    def drive(self, ctx, dut, cycle):
        axi = {name: getattr(dut, f"s_axilite_{name}") for name in ("awaddr", "awvalid", "wdata", "wstrb", "wvalid", "bready", "araddr",
                                                                    "arvalid", "rready")}
        if self.steps and not self._open and cycle >= self.steps[0][0]:
            _, name, value = self.steps[0]
            offset = name if isinstance(name, int) else offsets(dut.registers)[name]
            ctx.set(axi["awaddr"], offset), ctx.set(axi["araddr"], offset), ctx.set(axi["wstrb"], 15)
            ctx.set(axi["wdata"], (value or 0) & 0xFFFFFFFF)
            self._open = {"ar", "r"} if value is None else {"aw", "w", "b"}
        for channel in ("aw", "w", "ar"):
            ctx.set(axi[f"{channel}valid"], channel in self._open)
        ctx.set(axi["bready"], "b" in self._open), ctx.set(axi["rready"], "r" in self._open)

    def look(self, ctx, dut, cycle):
        for channel in list(self._open):
            if channel in ("aw", "w", "ar") and ctx.get(getattr(dut, f"s_axilite_{channel}ready")):
                self._open.discard(channel)
        for channel in ("b", "r"):
            if channel in self._open and ctx.get(getattr(dut, f"s_axilite_{channel}valid")):
                assert ctx.get(getattr(dut, f"s_axilite_{channel}resp")) == 0
                self.values.append(ctx.get(dut.s_axilite_rdata) if channel == "r" else None)
                self.done.append(cycle)
                self._open, self.steps = set(), self.steps[1:]


def play(dut, rows, cycles, *, ready=lambda cycle: True, axi=None, act=None, reset=lambda cycle: False, sides=None, soft=False,
         drop=lambda cycle: False):
    """Offer ``rows`` for ``cycles`` cycles; give the cycles of first beats, ``{stream: [(cycle, word)]}`` of what came out, and the result
    words before each reset.

    ``act(ctx, cycle)`` sets what it likes before a cycle. ``reset`` says whether a reset lasts in a cycle: beats are offered in it too, but
    none may be taken or given, and all sources begin anew after it. ``sides`` are words for further streams. With ``soft`` beats may be
    given in its cycle, and what is on offer then must stay so, and nothing be taken, until it is given: it counts as of before.
    ``drop`` says whether that is discarded at the end of a cycle.
    """
    beats = [sum((value & (1 << BITS) - 1) << lane * BITS for lane, value in enumerate(row[at:at + PE]))
             for row in rows for at in range(0, CLASSES, PE)]
    sources = {"s_axis_logits": beats, **(sides or {})}
    sinks = [pin.name.removesuffix("_tdata") for pin in dut.pins if pin.name.startswith("m_axis") and pin.name.endswith("_tdata")]
    position, taken, found, cut = dict.fromkeys(sources, 0), [], {sink: [] for sink in sinks}, []
    held, stale = {}, {}

    async def bench(ctx):
        ctx.set(dut.aresetn, 1)
        for cycle in range(cycles):
            if act:
                act(ctx, cycle)
            if axi:
                axi.drive(ctx, dut, cycle)
            for name, words in sources.items():
                there = position[name] < len(words)
                ctx.set(getattr(dut, f"{name}_tvalid"), there)
                ctx.set(getattr(dut, f"{name}_tdata"), words[position[name]] if there else 0)
            for name in sinks:
                ctx.set(getattr(dut, f"{name}_tready"), ready(cycle))
            if axi:
                axi.look(ctx, dut, cycle)
            quiet = reset(cycle)
            for name in sources:
                if ctx.get(getattr(dut, f"{name}_tready")) and ctx.get(getattr(dut, f"{name}_tvalid")):
                    assert not quiet, "taken during a reset"
                    assert not stale, "taken while a beat of before is on offer"
                    if name == "s_axis_logits" and position[name] % dut.beats == 0:
                        taken.append(cycle)
                    position[name] += 1
            for name in sinks:
                value = ctx.get(getattr(dut, f"{name}_tdata")) if ctx.get(getattr(dut, f"{name}_tvalid")) else None
                assert held.get(name) in (None, value) or (quiet and not soft), "what was on offer was taken back"
                held[name] = None if ready(cycle) else value
                if ready(cycle) and value is not None:
                    assert soft or not quiet, "given during a reset"
                    if name in stale:
                        cut[-1].append(stale.pop(name)) if name == "m_axis_result" else stale.pop(name)
                    else:
                        found[name].append((cycle, value))
            if quiet:
                position.update(dict.fromkeys(sources, 0))
                cut.append(results(found))
                taken.clear(), [items.clear() for items in found.values()]
                stale.update({name: value for name, value in held.items() if value is not None} if soft else {})
            if drop(cycle):
                held.clear(), stale.clear()
            await ctx.tick()

    sim = Simulator(dut)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()
    return taken, found, cut


def results(found):
    return [value for _, value in found["m_axis_result"]]


@pytest.mark.many(3)
@pytest.mark.parametrize("control", CONTROLS)
@pytest.mark.parametrize(("policy", "more"), [
    ("max_logit", {"threshold": 9}), ("margin", {"threshold": 9}), ("always", {}), ("never", {}),
    ("gate", {"threshold": 13, "s_axis_gate_tdata": 16, "s_axis_gate_tvalid": 1, "s_axis_gate_tready": 1}),
    ("patience", {"threshold": 4, **{f"{side}_axis_token_{what}": bits for side in "sm" for what, bits in
                                     (("tdata", 16), ("tvalid", 1), ("tready", 1))}}),
    ("class_threshold", {"class_write": 1, "class_index": 2, "class_value": 9}),
])
def test_ports(policy, more, control):
    dut = build(policy, control)
    common = {"aclk": 1, "aresetn": 1, "s_axis_logits_tdata": 16, "s_axis_logits_tvalid": 1, "s_axis_logits_tready": 1,
              "m_axis_result_tdata": 32, "m_axis_result_tvalid": 1, "m_axis_result_tready": 1}
    streams = {name: bits for name, bits in more.items() if "_axis_" in name}
    plain = {"enable": 1, "mode": 2, **{name: bits for name, bits in more.items() if "_axis_" not in name}}
    found = {name: Shape.cast(member.shape).width for name, member in dut.signature.members.items()}
    assert found == {**common, **streams, **(AXI if control == "axi4lite" else plain)}
    assert [(pin.name, pin.bits) for pin in dut.pins] == list(found.items())
    text = verilog.convert(dut, name="unit", emit_src=False, strip_internal_attrs=True)
    assert all(f" {name};" in text for name in found)


def test_a_block_design_is_told_what_the_ports_are():
    text = verilog.convert(build("gate"), name="unit", emit_src=False, strip_internal_attrs=True)
    for line in ("xilinx.com:interface:axis:1.0 s_axis_logits TVALID", "xilinx.com:interface:axis:1.0 m_axis_result TDATA",
                 "xilinx.com:interface:axis:1.0 s_axis_gate TREADY", "xilinx.com:interface:aximm:1.0 s_axilite WSTRB",
                 "xilinx.com:signal:clock:1.0 aclk CLK", "XIL_INTERFACENAME aresetn, POLARITY ACTIVE_LOW",
                 "ASSOCIATED_BUSIF s_axis_logits:s_axis_gate:m_axis_result:s_axilite, ASSOCIATED_RESET aresetn"):
        assert line in text, line
    assert "X_INTERFACE_INFO = \"xilinx.com:interface:aximm" not in verilog.convert(
        build(control="plain"), name="unit", emit_src=False, strip_internal_attrs=True)


def test_odd_widths_are_filled_up_to_bytes():
    """What lies in the filling is not looked at."""
    dut = build(acc_bits=5, pe=1, classes=4, threshold=0)
    assert len(dut.s_axis_logits_tdata) == 8
    seen = []

    async def bench(ctx):
        ctx.set(dut.aresetn, 1), ctx.set(dut.m_axis_result_tready, 1), ctx.set(dut.s_axis_logits_tvalid, 1)
        for value in (1, -3, 7, 2):
            ctx.set(dut.s_axis_logits_tdata, value & 31 | 0b10100000)
            await ctx.tick()
        ctx.set(dut.s_axis_logits_tvalid, 0)
        for _ in range(8):
            if ctx.get(dut.m_axis_result_tvalid):
                seen.append(ctx.get(dut.m_axis_result_tdata))
            await ctx.tick()

    sim = Simulator(dut)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()
    assert seen == [2 | 1 << 15 | 7 << 16]


def test_fields_fill_the_word_without_overlap():
    at = 0
    for item in RESULT_FIELDS:
        assert item.lsb == at
        at += item.bits
    assert at == 32


@pytest.mark.parametrize("stall", [0, 5])
def test_a_write_holds_from_a_sample_on(stall):
    """Through AXI4-Lite, at any cycle of the traffic: for the samples whose first beat is taken from the cycle of bvalid on."""
    values = random.Random(7).sample(range(-100, 100), 40)
    starts = [(sum(range(1, number % 9 + 2)) + 60 * (number // 9)) * (stall + 1) + number for number in range(len(values))]
    axi = Axi(*((start, "THRESHOLD", value) for start, value in zip(starts, values, strict=True)))
    rows = draw(160)
    taken, found, _ = play(build(threshold=-20), rows, 370 * (stall + 1), axi=axi, ready=lambda cycle: cycle % (stall + 1) == 0)
    assert len(axi.done) == len(values)
    held = [[-20, *values][sum(at >= done for done in axi.done)] for at in taken]
    assert results(found) == [word(row, int(max(row) >= limit)) for limit, row in zip(held, rows, strict=True)]
    assert len(set(held)) > 20
    assert len({(done - taken[0]) % 2 for done in axi.done}) == 2


def test_ports_hold_from_a_sample_on():
    """The same with ports of their own: threshold, enable and mode change at any cycle, and a sample keeps those of its first beat."""
    rng = random.Random(8)
    rows, dut = draw(150), build(control="plain")
    held = [{"threshold": rng.randint(-50, 100), "enable": rng.random() < 0.8, "mode": rng.choice([0, 0, 0, 1, 2, 3])} for _ in range(320)]

    def act(ctx, cycle):
        for name, value in held[cycle].items():
            ctx.set(getattr(dut, name), value)

    def leaves(threshold, enable, mode, row):
        return int(enable and (mode == 1 or (mode == 0 and max(row) >= threshold)))

    taken, found, _ = play(dut, rows, 320, act=act)
    assert results(found) == [word(row, leaves(**held[at], row=row)) for at, row in zip(taken, rows, strict=True)]


SIDES = {"gate": {"s_axis_gate": [3 * number for number in range(9)]},
         "patience": {"s_axis_token": [number | 3 << 10 for number in range(9)]}}
"""Of nine samples: rising logits of the gate; tokens that say class 0 three times."""


@pytest.mark.parametrize("stuck", [False, True])
@pytest.mark.parametrize("policy", ["max_logit", "gate", "patience"])
def test_reset_at_any_cycle(stuck, policy):
    """Nothing is taken or given while it lasts, and what is taken after it comes out whole, whatever was inside."""
    rows, dut = draw(9), build(policy, threshold=4 if policy == "patience" else 10)
    resets = [sum(range(1, gap)) for gap in range(2, 22)]
    _, found, cut = play(dut, rows, resets[-1] + 80, act=lambda ctx, cycle: ctx.set(dut.aresetn, cycle not in resets),
                         reset=lambda cycle: cycle in resets, ready=lambda cycle: not stuck or cycle > resets[-1] + 20,
                         sides=SIDES.get(policy))
    leaves = {"gate": lambda number, row: 3 * number >= 10, "max_logit": lambda number, row: max(row) >= 10,
              "patience": lambda number, row: row.index(max(row)) == 0}[policy]
    expected = [(row.index(max(row)), int(leaves(number, row))) for number, row in enumerate(rows)]
    for words in [*cut, results(found)]:
        assert [(value & 0x7FFF, value >> 15 & 1) for value in words] == expected[:len(words)]
    assert len(results(found)) == len(rows)
    assert max(map(len, cut)) == (0 if stuck else 8)
    if policy == "patience":
        tokens = [value & 0xFF for _, value in found["m_axis_token"]]
        assert tokens == [number for number, (_, left) in enumerate(expected) if not left]


@pytest.mark.parametrize("stuck", [False, True])
def test_soft_reset_at_any_cycle(stuck):
    """The same but for what is on offer, which stays so until it is taken, through further resets too. The threshold stays as the host
    wrote it; the counters begin anew."""
    rows, dut = draw(9), build(threshold=-100)
    resets = [(40 * number + number, "CONTROL", 1) for number in range(1, 12)]
    end = resets[-1][0] + 130
    axi = Axi((0, "THRESHOLD", 50), *resets, *((end, name, None) for name in ("THRESHOLD", "SAMPLES", "LEFT")))
    _, found, cut = play(dut, rows * 3, end + 30, axi=axi, reset=lambda cycle: cycle in axi.done[1:12],
                         ready=lambda cycle: (not stuck or cycle > end - 100) and cycle % 3 != 1, soft=True)
    left = [int(max(row) >= 50) for row in rows] * 3
    expected = [word(row, leaves) for row, leaves in zip(rows * 3, left, strict=True)]
    # Nobody takes anything: the first one stays on offer until the end.
    assert [len(words) for words in cut] == [0] * 10 + [1] if stuck else all(cut)
    assert all(words == expected[:len(words)] for words in cut[1:])
    assert results(found) == expected
    assert axi.values[-3:] == [50, len(expected), sum(left)]


@pytest.mark.parametrize("policy", ["max_logit", "patience"])
def test_what_is_on_offer_is_told_of_and_can_be_discarded(policy):
    """Results and tokens alike, after the reset or with it; the bench sees that both stay until then, and that nothing enters meanwhile."""
    rows, dut = draw(9), build(policy, threshold=7 if policy == "patience" else 0)
    axi = Axi((30, "CONTROL", 1), (40, "STATUS", None), (50, "CONTROL", 4), (50, "STATUS", None), (90, "CONTROL", 5), (90, "STATUS", None),
              (160, "SAMPLES", None))
    resets, drops = (0, 4), (2, 4)
    _, found, cut = play(dut, rows, 200, axi=axi, soft=True, ready=lambda cycle: cycle > 120, sides=SIDES.get(policy),
                         reset=lambda cycle: cycle in [axi.done[n] for n in resets if n < len(axi.done)],
                         drop=lambda cycle: cycle in [axi.done[n] for n in drops if n < len(axi.done)])
    assert axi.values == [None, 2, None, 0, None, 0, len(rows)]
    assert cut == [[], []]
    assert [value & 0x7FFF for value in results(found)] == [row.index(max(row)) for row in rows]
    if policy == "patience":
        assert [value & 0xFF for _, value in found["m_axis_token"]] == list(range(9))


def test_a_bad_address_is_told_until_a_reset():
    threshold = 0x18  # policy always has none
    axi = Axi(*((0, *step) for step in (("STATUS", None), (threshold, None), ("STATUS", None), ("CONTROL", 1), ("STATUS", None),
                                        (threshold, 5), ("STATUS", None))))
    play(build("always"), [], 80, axi=axi)
    assert axi.values == [0, 0, 8, None, 0, None, 8]


@pytest.mark.parametrize(("value", "acts_as"), [(-(2**31), -128), (2**31 - 1, 128), (256, 128), (-261, -128), (127, 127), (-3, -3)])
def test_a_threshold_beyond_the_range_is_limited(value, acts_as):
    """The register reads as written, and acts like the nearest threshold that means something."""
    rows = [[127, 0, 0, 0], [-128] * 4, [0, 5, -3, 2], [-3, -4, -5, -6]]
    axi = Axi((0, "THRESHOLD", value), (0, "THRESHOLD", None))
    dut = build()
    _, found, _ = play(dut, rows * 8, 120, axi=axi)
    expected = [word(row, int(max(row) >= acts_as)) for row in rows]
    assert results(found)[-4:] == expected
    assert axi.values == [None, value & 0xFFFFFFFF]


@pytest.mark.parametrize("control", CONTROLS)
def test_class_thresholds(control):
    """Each class has its own; one beyond the range is limited, and a class that there is not is none of them."""
    classes = 3
    dut = ExitUnit(classes=classes, pe=1, acc_bits=BITS, bias=[0] * classes, policy="class_threshold",
                   params={"score": "max_logit", "thresholds": [10, 20, 30]}, control=control)
    rows = [[20 if at == label else 0 for at in range(classes)] for label in (0, 1, 2)]
    writes = [(0, 21), (3, -128), (2, 5), (1, 2**31 - 1 if control == "axi4lite" else 255)]
    axi = Axi(*((80, *write) for index, value in writes for write in (("CLASS_INDEX", index), ("CLASS_THRESHOLD", value))))
    beats = [value & 0xFF for row in rows for value in row]
    seen = []

    async def bench(ctx):
        ctx.set(dut.aresetn, 1), ctx.set(dut.m_axis_result_tready, 1)
        if control == "plain":
            ctx.set(dut.enable, 1)
        for cycle in range(260):
            number = cycle if cycle < 9 else cycle - 200
            ctx.set(dut.s_axis_logits_tvalid, 0 <= number < 9)
            ctx.set(dut.s_axis_logits_tdata, beats[number] if 0 <= number < 9 else 0)
            if control == "axi4lite":
                axi.drive(ctx, dut, cycle), axi.look(ctx, dut, cycle)
            else:
                index, value = writes[cycle - 80] if 80 <= cycle < 84 else (0, 0)
                ctx.set(dut.class_write, 80 <= cycle < 84)
                ctx.set(dut.class_index, index), ctx.set(dut.class_value, value)
            if ctx.get(dut.m_axis_result_tvalid):
                seen.append(ctx.get(dut.m_axis_result_tdata) & 0xFFFF)
            await ctx.tick()

    sim = Simulator(dut)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()
    assert seen == [0 | 1 << 15, 1 | 1 << 15, 2, 0, 1, 2 | 1 << 15]


def test_identity_and_reset_values():
    dut = build("class_threshold", enable=False)
    names = ["ID", "VERSION", "POLICY", "CLASSES", "PE", "ENABLE", "MODE", "CLASS_INDEX", "CLASS_THRESHOLD", "SCORE", "SAMPLES", "LEFT"]
    axi = Axi(*((0, name, None) for name in names))
    play(dut, [], 80, axi=axi)
    assert axi.values == [MAGIC, 1, letters("class_threshold"), CLASSES, PE, 0, 0, 0, 0, letters("max_logit"), 0, 0]
    assert (letters("max_logit"), MAGIC.to_bytes(4, "big")) == (int.from_bytes(b"MAX_", "big"), b"OFRX")


def test_a_stuck_consumer_loses_nothing():
    rows, dut = draw(12, seed=3), build(threshold=0)
    taken, found, _ = play(dut, rows, 200, ready=lambda cycle: cycle > 90)
    assert results(found) == [word(row, int(max(row) >= 0)) for row in rows]
    assert max(taken) > 90


def test_full_rate():
    rows, dut = draw(12), build(threshold=0)
    taken, found, _ = play(dut, rows, 60)
    assert taken == [2 * number for number in range(12)]
    assert [cycle - at for at, (cycle, _) in zip(taken, found["m_axis_result"], strict=True)] == [dut.beats - 1 + dut.latency] * 12


def test_registers_keep_their_places():
    everything = offsets(exit_unit_registers(policy="x", classes=9, pe=3, threshold=1, thresholds=[1], score="y"))
    for few in (exit_unit_registers(policy="never", classes=2, pe=1), exit_unit_registers(policy="softmax", classes=2, pe=1, threshold=5)):
        assert {name: everything[name] for name in offsets(few)} == offsets(few)
    assert sorted(everything.values()) == [4 * number for number in range(15)]


@pytest.mark.parametrize(("change", "message"), [
    ({"control": "wishbone"}, "control must be one of axi4lite, plain, not 'wishbone'"),
    ({"threshold": 129}, "threshold of max_logit must be from -128 to 128, not 129"),
    ({"policy": "never", "threshold": 1}, "threshold of never must be from 0 to 0, not 1"),
    ({"pe": 3}, "pe must divide classes, not pe=3, classes=4"),
])
def test_refuses(change, message):
    with pytest.raises(ValueError, match=message):
        build(**change)
