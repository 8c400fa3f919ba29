"""``metrics.json`` (docs/interfaces.md, section 1): how good a network is on the validation split, and how it came to be."""

from typing import Any

from pydantic import Field

from quant_models.records import Artefact, Record

__all__ = ["ExitMetrics", "ImportRecord", "InputRecord", "InputScale", "MetricsFile", "OwnRecord", "TakenRecord", "TrainingFile"]


class ExitMetrics(Record):
    """One exit alone: ``accuracy`` 0 to 1 and cross-entropy ``loss``; where it has a gate head, that one's accuracy and area under the
    ROC curve."""

    accuracy: float
    loss: float
    gate_accuracy: float = 0.0
    gate_auc: float | None = None


class InputScale(Record):
    """Value v of channel c of a sensor window is the integer round((v - low[c]) / step[c]), kept within 0 to 255."""

    low: list[float]
    step: list[float]


class InputRecord(Record):
    """What the network takes and tells: the ``shape`` of an image (height, width, channels), the ``names`` of the classes (empty: they have
    none), and the ``scale`` of sensor windows (None: the data are 8-bit integers already)."""

    shape: tuple[int, int, int]
    names: list[str]
    scale: InputScale | None


class TakenRecord(Record):
    """The network that weights were cut out of, by digest, and which of its ``exits`` these are."""

    digest: str
    exits: list[int]


class ImportRecord(Record):
    """What became of a float network: every exit's metrics in ``float_`` and ``quantised`` before fine-tuning, by layer the modules of the
    weights' file that it was made of, and how many images ranges were found on."""

    float_: list[ExitMetrics] = Field(alias="float")
    quantised: list[ExitMetrics]
    layers: dict[str, str]
    calibration_images: int


class OwnRecord(Record):
    """The user's own network: where it is from, the file of its weights (None: the factory's own), what its logits were compared with, on
    how many images, and how many of them lay on a rounding boundary."""

    from_: str = Field(alias="from")
    weights: str | None
    compared_with: str
    images: int
    rounded: int


class MetricsFile(Artefact):
    """The whole file. ``data`` is the data set's name; ``settings`` those of the training (None: not trained here) and ``scheme`` its name
    and own settings, as the trainer describes them; ``exits`` every exit's metrics, ``history`` those of every epoch; ``kept_epochs`` by
    phase and part the epoch whose weights were kept. One of ``taken``, ``import_`` and ``own`` where the network came another way."""

    data: str
    input: InputRecord
    settings: dict[str, Any] | None
    exits: list[ExitMetrics]
    history: list[list[ExitMetrics]]
    train_samples: int
    validation_samples: int
    scheme: dict[str, Any] = Field(default_factory=dict)
    kept_epochs: dict[str, dict[str, int]] = Field(default_factory=dict)
    taken: TakenRecord | None = None
    import_: ImportRecord | None = Field(default=None, alias="import")
    own: OwnRecord | None = None


class TrainingFile(Artefact):
    """``training.json``: how a network of the user's own was trained here, as :class:`MetricsFile` has it; ``fed`` is what a pixel was
    worth to it."""

    settings: dict[str, Any]
    scheme: dict[str, Any]
    history: list[list[ExitMetrics]]
    fed: float
    import_: ImportRecord | None = Field(default=None, alias="import")
    kept_epochs: dict[str, dict[str, int]] = Field(default_factory=dict)

    def told(self) -> dict[str, Any]:
        """What ``metrics.json`` says of it."""
        return {key: value for key, value in self.to_json().items() if key not in ("version", "fed")}
