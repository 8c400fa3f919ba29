"""Bursts of AXI3 by the book, and at random."""

from dataclasses import dataclass

from hw.zynq.axi3 import PAGE, Burst


def addresses(addr, beats, size, burst):
    """The address of each beat, by the formulas of ARM IHI 0022C, section 4.5."""
    number_bytes = 1 << size
    aligned = addr // number_bytes * number_bytes
    if burst is Burst.FIXED:
        return [addr] * beats
    if burst is Burst.INCR:
        return [addr, *(aligned + n * number_bytes for n in range(1, beats))]
    total = number_bytes * beats
    boundary = addr // total * total
    return [address if (address := addr + n * number_bytes) < boundary + total else address - total for n in range(beats)]


@dataclass(frozen=True)
class Transaction:
    """A burst and, if it is one to write, the data and strobes of its beats; ``first``: which of address and data is taken first, if it
    matters to the manager."""

    id: int
    addr: int
    beats: int
    size: int
    burst: Burst
    data: tuple = ()
    first: str = ""

    @property
    def addresses(self):
        return addresses(self.addr, self.beats, self.size, self.burst)

    def channel(self, prefix, rng):
        """The address channel's members; those that the bridge must not mind are random."""
        fields = {"id": self.id, "addr": self.addr, "len": self.beats - 1, "size": self.size, "burst": self.burst,
                  "lock": rng.getrandbits(2), "cache": rng.getrandbits(4), "prot": rng.getrandbits(3), "qos": rng.getrandbits(4)}
        return {f"{prefix}{name}": value for name, value in fields.items()}


def transaction(rng, base, window=PAGE, *, write=False, id_bits=12):
    """A random burst that stays in the ``window`` bytes at ``base``, and in 4 KiB."""
    size, burst = rng.randrange(3), rng.choice(list(Burst))
    beats = rng.choice((2, 4, 8, 16)) if burst is Burst.WRAP else rng.choice((1, 1, 2, 3, 5, 16))
    addr = base + rng.randrange(window)
    if burst is Burst.WRAP:
        addr = addr >> size << size
    if burst is Burst.INCR and (addr % PAGE) + (beats << size) > PAGE:
        addr -= beats << size
    chosen = Transaction(rng.getrandbits(id_bits), addr, beats, size, burst)
    if not write:
        return chosen
    data = []
    for address in chosen.addresses:
        low, high = address % 4, (address >> size << size) % 4 + (1 << size)
        data.append((rng.getrandbits(32), rng.getrandbits(4) & (1 << high) - (1 << low)))
    return Transaction(chosen.id, addr, beats, size, burst, tuple(data), rng.choice(("", "", "address", "data")))
