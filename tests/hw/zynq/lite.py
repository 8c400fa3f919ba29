"""Plain accesses over AXI4-Lite, as fast as they go, and fields by their names."""


class Lite:
    """Reads and writes the ``registers`` at ``bus``, by name or by the name of a field: ``STATUS.missed``."""

    def __init__(self, ctx, bus, registers):
        self.ctx, self.bus = ctx, bus
        self.registers = {item.name: item for item in registers}

    def place(self, name):
        """Offset, lowest bit and mask of a register or field."""
        register, _, field = name.partition(".")
        found = self.registers[register]
        for part in found.fields:
            if part.name == field:
                return found.offset, part.lsb, (1 << part.bits) - 1
        assert not field, f"no field {name}"
        return found.offset, 0, (1 << found.bits) - 1

    async def read(self, address):
        ctx, bus = self.ctx, self.bus
        ctx.set(bus.araddr, address), ctx.set(bus.arvalid, 1), ctx.set(bus.rready, 1)
        await ctx.tick()
        ctx.set(bus.arvalid, 0)
        while not ctx.get(bus.rvalid):
            await ctx.tick()
        word = ctx.get(bus.rdata)
        await ctx.tick()
        return word

    async def begin(self, address, word):
        """Returns in the cycle in which the write is answered first."""
        ctx, bus = self.ctx, self.bus
        ctx.set(bus.awaddr, address), ctx.set(bus.wdata, word), ctx.set(bus.wstrb, 15), ctx.set(bus.bready, 1)
        ctx.set(bus.awvalid, 1), ctx.set(bus.wvalid, 1)
        await ctx.tick()
        ctx.set(bus.awvalid, 0), ctx.set(bus.wvalid, 0)
        while not ctx.get(bus.bvalid):
            await ctx.tick()

    async def get(self, name):
        offset, lsb, mask = self.place(name)
        return await self.read(offset) >> lsb & mask

    async def set(self, name, value, *, wait=True):
        offset, lsb, _ = self.place(name)
        await self.begin(offset, value << lsb)
        if wait:
            await self.ctx.tick()
