"""The processor, as a manager of AXI3 that keeps the rules and sees to it that they are kept."""

from tests.hw.zynq.channels import Sink, Source


class Manager:
    """The processor: offers bursts in order, all that it has at once but for what a burst wants taken first, and keeps what comes back."""

    def __init__(self, ctx, bus, rng, gap, stall):
        address = ("id", "addr", "len", "size", "burst", "lock", "cache", "prot", "qos")
        self.ar, self.aw = (Source(ctx, bus, prefix, [f"{prefix}{name}" for name in address], rng, gap) for prefix in ("ar", "aw"))
        self.w = Source(ctx, bus, "w", ["wid", "wdata", "wstrb", "wlast"], rng, gap)
        self.r = Sink(ctx, bus, "r", ["rid", "rdata", "rresp", "rlast"], rng, stall)
        self.b = Sink(ctx, bus, "b", ["bid", "bresp"], rng, stall)
        self.ends = [self.ar, self.aw, self.w, self.r, self.b]
        self.writes, self.asked, self.filled = [], 0, []
        self.read, self.written = [], []

    def queue(self, reads, writes, rng):
        self.ar.queue.extend(burst.channel("ar", rng) for burst in reads)
        self.aw.queue.extend(burst.channel("aw", rng) for burst in writes)
        for burst in writes:
            self.writes.append(burst)
            self.filled.append(0)
            self.w.queue.extend({"wid": burst.id, "wdata": data, "wstrb": strobes, "wlast": beat == burst.beats - 1}
                                for beat, (data, strobes) in enumerate(burst.data))

    def drive(self):
        """The current burst of each channel waits for the other one where it wants to."""
        data = next((n for n, burst in enumerate(self.writes) if self.filled[n] < burst.beats), None)
        self.aw.drive(allowed=not self.aw.queue or self.writes[self.asked].first != "data" or bool(self.filled[self.asked]))
        self.w.drive(allowed=data is None or self.writes[data].first != "address" or data < self.asked)
        for end in (self.ar, self.r, self.b):
            end.drive()

    def after(self, ar, aw, w, r, b):
        self.asked += aw is not None
        if w:
            self.filled[next(n for n, burst in enumerate(self.writes) if self.filled[n] < burst.beats)] += 1
        if r:
            self.read.append(r)
        if b:
            done = len(self.written)
            assert done < self.asked, "answered before the address was taken"
            assert self.filled[done] == self.writes[done].beats, "answered before the data was taken"
            self.written.append(b)
