"""``cosim.json`` (docs/interfaces.md): what the board's driver made of the test images on the simulated board."""

from build_flows.artefacts.simulation import StreamRecord
from quant_models.records import Artefact, Record

__all__ = ["CheckRecord", "CosimFile", "Counters", "TrafficRow"]


class TrafficRow(Record):
    """What the DMA carries of images, or of results, of a network: ``bits`` of a word; ``words`` a sample, and ``least``, the fewest such
    words that hold what a sample is (an image's values take a byte each; a result has its fields); ``payload``, the share of the words'
    bits that says something. At some rate ``mb_per_second``, beside one word a cycle (``stream_``) and the memory port's own limit
    (``port_``), all in 10**6 bytes, and ``used``, the rate's share of the lower of the two (None: no rate is known). ``most_samples`` is
    the rate at which that one would set the pace."""

    name: str
    bits: int
    words: int
    least: int
    payload: float
    mb_per_second: float | None
    stream_mb_per_second: float
    port_mb_per_second: float
    used: float | None
    most_samples: float


class CheckRecord(Record):
    """A test and what the driver ``told``."""

    name: str
    told: str


class Counters(Record):
    """What ``Accelerator.counters`` of the driver gives."""

    samples_in: int
    samples_out: int
    cycles: int
    exits: list[int]
    gates: list[int]
    streams: dict[str, StreamRecord]


class CosimFile(Artefact):
    """The whole file: images, and those that ``agree`` with ``sim.json``; the ``board`` that was modelled, the ``seed`` of memory
    latencies, the register BUILD; images that left, by exit; ``cycles_per_sample`` behind the DMA over one ``batch``, and those of
    ``sim.json``; the ``seconds`` that it took."""

    samples: int
    agree: int
    board: str
    seed: int
    build: int
    exits: list[int]
    checks: list[CheckRecord]
    cycles_per_sample: float
    batch: int
    simulated_cycles_per_sample: float
    counters: Counters
    dma: list[TrafficRow]
    seconds: float
