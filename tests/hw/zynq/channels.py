"""Both ends of a channel of AXI, strict about its rules, a cycle at a time."""

from collections import deque


class Source:
    """Offers what is queued, each after a pause with probability ``gap`` a cycle; while nothing is on offer the members are random."""

    def __init__(self, ctx, bus, channel, members, rng, gap):
        self.ctx, self.rng, self.gap = ctx, rng, gap
        self.valid, self.ready = getattr(bus, f"{channel}valid"), getattr(bus, f"{channel}ready")
        self.members = {name: getattr(bus, name) for name in members}
        self.queue, self.offering = deque(), False

    def drive(self, *, allowed=True):
        if not self.offering:
            self.offering = bool(self.queue) and allowed and self.rng.random() >= self.gap
            for name, signal in self.members.items():
                value = signal.as_value() if hasattr(signal, "as_value") else signal
                self.ctx.set(value, _plain(self.queue[0][name]) if self.offering else self.rng.getrandbits(len(value)))
        self.ctx.set(self.valid, self.offering)

    @property
    def watched(self):
        return [self.ready]

    def after(self, ready):
        """What was taken in the cycle that is over; None if nothing was."""
        if not (self.offering and ready):
            return None
        self.offering = False
        return self.queue.popleft()


class Sink:
    """Takes what is on offer, not ready with probability ``stall`` a cycle; what is on offer must stay as it is until then."""

    def __init__(self, ctx, bus, channel, members, rng, stall):
        self.ctx, self.rng, self.stall, self.channel = ctx, rng, stall, channel
        self.valid, self.ready = getattr(bus, f"{channel}valid"), getattr(bus, f"{channel}ready")
        self.members = {name: getattr(bus, name) for name in members}
        self.takes, self.waiting = False, None

    def drive(self, *, allowed=True):
        self.takes = allowed and self.rng.random() >= self.stall
        self.ctx.set(self.ready, self.takes)

    @property
    def watched(self):
        return [self.valid, *self.members.values()]

    def after(self, valid, *values):
        """What was taken in the cycle that is over; None if nothing was."""
        offered = dict(zip(self.members, map(_plain, values), strict=True)) if valid else None
        assert self.waiting is None or offered == self.waiting, f"{self.channel} took back {self.waiting} for {offered}"
        self.waiting = None if self.takes else offered
        return offered if self.takes else None


def _plain(value):
    return getattr(value, "value", value)


def after(ends, values):
    """What each of ``ends`` handed over in a cycle, of the ``values`` that it watched, one after the other."""
    found, values = [], iter(values)
    for end in ends:
        found.append(end.after(*(next(values) for _ in end.watched)))
    return found
