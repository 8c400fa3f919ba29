"""``evaluation.json`` (docs/interfaces.md): what a trained network's exits are worth."""

from quant_models.exits.metrics import Overthinking, Reliability
from quant_models.judge.records import Curve, Outcome
from quant_models.records import Artefact, Record

__all__ = [
    "Corruptions", "CostCounts", "EvaluatedExit", "EvaluationFile", "Kind", "LastAlone", "LayerCounts", "Picture", "Pictures", "Rtl",
    "SampleCounts", "Slowdown", "Strength",
]


class SampleCounts(Record):
    """Images of the ``test`` set and of the ``validation`` split."""

    test: int
    validation: int


class CostCounts(Record):
    """MACs and bit operations for a sample."""

    macs: int
    bitops: int


class LayerCounts(CostCounts):
    """Those of the layer ``name``, in ``where`` ("stage", "head" or "gate") ``index``."""

    name: str
    where: str
    index: int


class LastAlone(CostCounts):
    """All stages and the last head for every sample: their ``accuracy``, and the slowest stage's ``cycles`` (None: not compiled)."""

    accuracy: float
    cycles: int | None


class EvaluatedExit(Record):
    """One exit: the ``share`` of samples that leave there, the ``accuracy`` of all samples here and of those that leave
    (``accuracy_there``, None when none does), how sure it is of them, without and with a ``temperature`` found on the validation split
    (``temperature_used``: the policies use it), and counts ``[label][predicted]``."""

    index: int
    policy: str
    enabled: bool
    share: float
    accuracy: float
    accuracy_there: float | None
    calibration: Reliability
    ece_there: float | None
    confusion: list[list[int]]
    confusion_there: list[list[int]]
    temperature: float
    temperature_used: bool
    calibration_scaled: Reliability
    ece_there_scaled: float | None


class Picture(Record):
    """A test image by its ``index``, its ``label``, the class ``predicted``, and the softmax's greatest ``probability``."""

    index: int
    label: int
    predicted: int
    probability: float


class Pictures(Record):
    """Of the samples that leave at ``exit`` the surest and the least sure ones."""

    exit: int
    easiest: list[Picture]
    hardest: list[Picture]


class Strength(Outcome):
    """The outcome of images corrupted with ``strength`` (0: clean), and each exit's accuracy alone."""

    strength: int
    exit_accuracy: list[float]


class Kind(Record):
    """A corruption: in words, its ``amounts`` at strengths 1 to 5 in ``unit``, and what becomes of samples at strengths 0 to 5."""

    name: str
    summary: str
    unit: str
    amounts: list[int | float]
    strengths: list[Strength]


class Corruptions(Record):
    """Every kind of corruption, on ``samples`` test images."""

    samples: int
    kinds: list[Kind]


class Rtl(Record):
    """Measured cycles a sample of images as they were, ``attacked``, and attacked with all early exits off; ``holds``: attacked is no
    slower than that."""

    clean: float
    attacked: float
    all_hard: float
    holds: bool


class Slowdown(Record):
    """An attack on ``samples`` validation images, every pixel changed by at most ``eps`` of 255 in ``steps`` steps of ``step``: the
    outcomes without and with it, by how much MACs rise, the share that is gone of those that early exits save (None: they save none), and
    what the RTL takes (None: not simulated)."""

    samples: int
    eps: int
    steps: int
    step: int
    clean: Outcome
    attacked: Outcome
    macs_rise: float
    saving_lost: float | None
    rtl: Rtl | None


class EvaluationFile(Artefact):
    """The whole file: the ``project``, its ``data`` and the classes' ``names``, the ``seed`` of split and corruptions, the ``mode`` of the
    build and the exit that mode subnet builds (None: all are); costs by layer, and by exit of a sample that leaves there; the outcome at
    the thresholds in use (``operating``), with cycles a sample measured in the RTL at ``clock_mhz`` (None: not simulated); no
    ``slowdown`` of a network of the user's own."""

    project: str
    data: str
    names: list[str]
    seed: int
    mode: str
    subnet: int | None
    samples: SampleCounts
    layers: list[LayerCounts]
    costs: list[CostCounts]
    last_alone: LastAlone
    operating: Outcome
    measured_cycles: float | None
    clock_mhz: float | None
    curves: list[Curve]
    exits: list[EvaluatedExit]
    overthinking: Overthinking
    pictures: list[Pictures]
    corruptions: Corruptions
    slowdown: Slowdown | None = None

    @property
    def shown(self) -> list[int]:
        """The test images among ``pictures``, by rising index."""
        return sorted({row.index for side in self.pictures for row in (*side.easiest, *side.hardest)})
