"""Memory at an HP port, strict about what a manager may do, a cycle at a time."""

import random
from collections import deque
from dataclasses import dataclass

from hw.zynq.axi3 import PAGE, Burst, Response

BASE = 0x1000_0000
SIZE = 1 << 16
ADDRESS = ("id", "addr", "len", "size", "burst", "lock", "cache", "prot", "qos")
DATA = ("id", "data", "strb", "last")
ORDERS = ("any", "address first", "address after data is on offer", "address after all data", "address after the answer")
"""When memory takes a write's address: AXI allows all of these, and only the first takes data before the address."""


def at_random(count, seed=1):
    return random.Random(seed).randbytes(count)


def plain(value):
    return getattr(value, "value", value)


@dataclass
class _Write:
    address: int
    beats: int
    accepted: bool = False
    came: int = 0
    due: int = 0
    response: Response = Response.OKAY


@dataclass
class _Channel:
    """One of the manager's channels: what is on offer must stay as it is until it is taken."""

    name: str
    members: dict
    offered: dict | None = None

    def see(self, valid, ready, values):
        """What is on offer, whether it is new, and whether it is taken."""
        now = dict(zip(self.members, map(plain, values), strict=True)) if valid else None
        assert self.offered in (None, now), f"{self.name} took back {self.offered} for {now}"
        new = valid and self.offered is None
        self.offered = now if valid and not ready else None
        return now, new, valid and ready


class Axi3Memory:
    """``SIZE`` bytes from ``BASE`` on, behind the signals of ``bus``; beyond them it answers with DECERR.

    ``latency``: cycles from an address to its first beat of data, or from the last beat written to the answer, a random number from the
    first to the second; ``stall``: probability of not being ready in a cycle, ``address_stall`` that for an address; ``gap``: of a
    pause before a beat; ``errors``: what is answered to a beat, or a burst with a beat, at an address; ``order``: one of
    :data:`ORDERS`; ``depth``: reads accepted at a time; ``burst``: the most beats of one.
    While ``silent``, nothing is taken nor begun. ``may_void``: the manager may write beats without strobes.
    """

    def __init__(self, ctx, bus, contents=b"", *, latency=(0, 0), stall=0.0, address_stall=None, gap=0.0, order="any", errors=None,
                 depth=8, burst=16, seed=1):
        assert order in ORDERS
        self.ctx, self.bus, self.order, self.latency, self.stall, self.gap, self.depth = ctx, bus, order, latency, stall, gap, depth
        self.burst, self.address_stall = burst, address_stall
        self.rng = random.Random(seed)
        self.errors = errors or {}
        self.bytes = bytearray(contents) + bytearray(SIZE - len(contents))
        self.silent = self.may_void = False
        self.now = 0
        self.addresses = {"ar": [], "aw": []}  # (address, beats), as accepted
        self.beats = {"r": [], "w": []}        # cycles in which one was handed over
        self.answers = []                      # cycles
        self.strobes = []
        self.signature = bus.signature
        self.channels = {}
        for name in (*["ar"] * self.signature.reads, *["aw", "w"] * self.signature.writes):
            self.channels[name] = _Channel(name, {part: getattr(bus, f"{name}{part}") for part in (DATA if name == "w" else ADDRESS)})
        self.reads = deque()    # (due, address, beats)
        self.offering = None    # (beats read so far of the first of reads)
        self.read_so_far = 0
        self.writes = deque()   # whose address is or was on offer and whose data has not all come
        self.unaccepted = None  # of all writes, the one whose address is on offer
        self.finished = deque()
        self.answering = None
        self.data_seen = False
        self.ready = dict.fromkeys(self.channels, 0)
        if self.signature.reads:
            ctx.set(bus.rid, 0)
        if self.signature.writes:
            ctx.set(bus.bid, 0)

    @property
    def outstanding(self):
        """Bursts on offer or accepted that have not been answered."""
        on_offer = sum(channel.offered is not None for channel in self.channels.values())
        return len(self.reads) + len(self.writes) + len(self.finished) + on_offer

    @property
    def watched(self):
        signals = []
        for name, channel in self.channels.items():
            signals += [getattr(self.bus, f"{name}valid"), *channel.members.values()]
        return [*signals, *([self.bus.rready] if self.signature.reads else []), *([self.bus.bready] if self.signature.writes else [])]

    def drive(self):
        """Sets the signals of the cycle that begins."""
        address_stall = self.stall if self.address_stall is None else self.address_stall
        chance = {name: not self.silent and self.rng.random() >= (self.stall if name == "w" else address_stall) for name in self.channels}
        if self.signature.reads:
            chance["ar"] &= len(self.reads) < self.depth
            self._drive_read()
        if self.signature.writes:
            waiting = self.unaccepted
            chance["aw"] &= {
                "any": True, "address first": True,
                "address after data is on offer": self.data_seen,
                "address after all data": waiting is not None and waiting.came == waiting.beats,
                "address after the answer": waiting is not None and waiting.came == waiting.beats and waiting not in self.finished,
            }[self.order]
            if self.order == "address first":
                chance["w"] &= bool(self.writes) and self.writes[0].accepted
            self._drive_answer()
        for name, ready in chance.items():
            self.ready[name] = int(ready)
            self.ctx.set(getattr(self.bus, f"{name}ready"), int(ready))

    def after(self, values):
        """Takes the values of :attr:`watched` in the cycle that is over, and checks them."""
        values = iter(values)
        for name, channel in self.channels.items():
            valid = next(values)
            seen, new, taken = channel.see(valid, self.ready[name], [next(values) for _ in channel.members])
            if seen is not None:
                getattr(self, f"_{name}")(seen, new, taken)
        if self.signature.reads:
            self._after_read(next(values))
        if self.signature.writes:
            self._after_answer(next(values))
        self.now += 1

    def _check(self, seen):
        fixed = {"id": 0, "size": 3, "burst": Burst.INCR.value, "lock": 0, "cache": 3, "prot": 0, "qos": 0}
        assert {name: seen[name] for name in fixed} == fixed
        first, last = seen["addr"], seen["addr"] + 8 * seen["len"]
        assert first % (4 * self.burst) == 0
        assert seen["len"] < self.burst
        assert first // PAGE == last // PAGE
        return first, seen["len"] + 1

    def _ar(self, seen, new, taken):
        burst = self._check(seen)
        if taken:
            self.addresses["ar"].append(burst)
            self.reads.append((self.now + 1 + self.rng.randint(*self.latency), *burst))

    def _aw(self, seen, new, taken):
        burst = self._check(seen)
        if new:
            self.unaccepted = _Write(*burst)
            self.writes.append(self.unaccepted)
            self.data_seen = False
        if taken:
            self.addresses["aw"].append(burst)
            self.unaccepted.accepted, self.unaccepted = True, None

    def _w(self, seen, new, taken):
        assert self.writes, "data of a burst whose address was never on offer"
        write = self.writes[0]
        assert seen["id"] == 0
        assert seen["last"] == (write.came == write.beats - 1)
        whole = {0xFF, 0x0F} if seen["last"] else {0xFF}
        assert seen["strb"] in whole | ({0} if self.may_void else set())
        self.data_seen = self.data_seen or write is self.unaccepted
        if not taken:
            return
        at = write.address + 8 * write.came
        self.strobes.append((at, seen["strb"]))
        self.beats["w"].append(self.now)
        write.response = self._merge(write.response, at)
        if write.response is not Response.DECERR:
            for lane in range(8):
                if seen["strb"] >> lane & 1:
                    self.bytes[at - BASE + lane] = seen["data"] >> 8 * lane & 0xFF
        write.came += 1
        if seen["last"]:
            write.due = self.now + 1 + self.rng.randint(*self.latency)
            self.finished.append(self.writes.popleft())

    def _merge(self, response, at):
        return max(response, self._response(at), key=lambda item: item.value)

    def _response(self, at):
        return self.errors.get(at, Response.OKAY if BASE <= at < BASE + SIZE else Response.DECERR)

    def _drive_read(self):
        bus, ctx = self.bus, self.ctx
        if self.offering is None and self.reads and self.reads[0][0] <= self.now and not self.silent and self.rng.random() >= self.gap:
            _, address, beats = self.reads[0]
            at = address + 8 * self.read_so_far
            response = self._response(at)
            held = bytes(8) if response is Response.DECERR else bytes(self.bytes[at - BASE:at - BASE + 8])
            self.offering = (int.from_bytes(held, "little"), response, self.read_so_far == beats - 1)
        data, response, last = self.offering or (self.rng.getrandbits(64), Response.DECERR, 1)
        for signal, value in ((bus.rvalid, self.offering is not None), (bus.rdata, data), (bus.rresp, response), (bus.rlast, last)):
            ctx.set(signal, value)

    def _after_read(self, ready):
        if self.offering is None or not ready:
            return
        self.beats["r"].append(self.now)
        self.read_so_far += 1
        if self.offering[2]:
            self.reads.popleft()
            self.read_so_far = 0
        self.offering = None

    def _drive_answer(self):
        if self.answering is None and self.finished and not self.silent:
            first = self.finished[0]
            if first.due <= self.now and (first.accepted or self.order == "address after the answer"):
                self.answering = first
        self.ctx.set(self.bus.bvalid, self.answering is not None)
        self.ctx.set(self.bus.bresp, self.answering.response if self.answering else Response.DECERR)

    def _after_answer(self, ready):
        if self.answering is not None and ready:
            self.finished.popleft()
            self.answering = None
            self.answers.append(self.now)
