"""``docs/results.json``: what every run was, and what its network is worth."""

from typing import Any

from quant_models.records import Artefact, Record

__all__ = ["Entry", "Epoch", "Imported", "Measured", "Noisy", "ResultsFile", "User", "Worth"]


class Worth(Record):
    """Over the test images: ``accuracy`` and ``exit_share`` at the thresholds, ``exit_accuracy`` of each exit alone; all 0 to 1."""

    accuracy: float
    exit_accuracy: list[float]
    exit_share: list[float]


class Noisy(Worth):
    """The same under Gaussian noise of ``strength`` 1 to 5, whose ``deviation`` is of 255."""

    strength: int
    deviation: int | float


class Measured(Worth):
    """A network over so many test images, and under noise."""

    test_samples: int
    noisy: list[Noisy]


class User(Record):
    """Personal heads are those of a user all of whose images have the corruption ``change``, from so many of them; each exit's accuracy
    alone on that user's test images ``before``."""

    change: str
    strength: int
    samples: int
    before: list[float]


class Imported(Record):
    """Each exit's accuracy alone, of a float network and of the same quantised."""

    float_accuracy: list[float]
    quantised_accuracy: list[float]


class Entry(Measured):
    """One run of :data:`benchmarks.results_runs.RUNS`; ``settings`` are tables of its configuration, ``source`` how its data were read.
    ``validation`` is what it is worth over the validation split, by which runs are selected; None of runs that were measured before that
    was kept, which take no part in a selection."""

    name: str
    scheme: str
    variant: str
    network: str
    data: str
    source: str
    seed: int
    weight_bits: int
    act_bits: int
    epochs: int
    user: User | None
    imported: Imported | None
    validation: Worth | None = None
    policy: str
    shares_wanted: list[float]
    start: str | None
    settings: dict[str, dict[str, Any]]
    training_seconds: float
    machine: str

    def at(self, strength: int) -> Worth:
        """Under noise of ``strength``; 0: without."""
        return self if strength == 0 else next(row for row in self.noisy if row.strength == strength)


class Epoch(Record):
    """Seconds of one epoch's training and of its whole command, and the peak memory of that process in bytes."""

    seconds: float
    command_seconds: float
    peak_bytes: int | float
    cores: int
    machine: str


class ResultsFile(Artefact):
    """The whole file."""

    entries: list[Entry]
    epoch: Epoch | None = None
