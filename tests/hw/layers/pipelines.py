"""Runs pipelines that nothing stops: what is put in cycle by cycle, and what there is to see."""

from amaranth.sim import Simulator


def run(module, inputs, outputs, rows, seen=None):
    """Sets ``inputs`` to each of ``rows`` for a cycle; gives what ``outputs`` are in each of these cycles, before the clock's edge,
    appended to ``seen`` as they come."""
    seen = [] if seen is None else seen

    async def bench(ctx):
        for row in rows:
            for signal, value in zip(inputs, row, strict=True):
                ctx.set(signal, value)
            seen.append([ctx.get(signal) for signal in outputs])
            await ctx.tick()

    sim = Simulator(module)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()
    return seen
