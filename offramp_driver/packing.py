"""Images into bus words and result words into columns, whole batches at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from offramp_driver.answers import answers
from offramp_driver.errors import DriverError, InputError
from offramp_driver.manifest import Field, Input, Scale

__all__ = ["Packing", "Unpacking"]

Values = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Packing:
    """Lays images out as the accelerator takes them: a byte a value, row by row, each image beginning on a bus word."""

    input: Input

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of an image."""
        return self.input.height, self.input.width, self.input.channels

    @property
    def dtype(self) -> np.dtype[np.uint8] | np.dtype[np.int8]:
        """Type of a value: uint8, or int8 where the network takes signed ones."""
        return np.dtype(np.int8) if self.input.signed else np.dtype(np.uint8)

    @property
    def image_bytes(self) -> int:
        """Bytes of an image in the buffer, with what fills its last word."""
        return self.input.words * self.input.bus_bits // 8

    def batch(self, images: object) -> npt.NDArray[np.uint8] | npt.NDArray[np.int8]:
        """``images`` as ``[n, height, width, channels]``, nothing copied that need not be.

        Takes ``[n, h, w, c]`` or one image ``[h, w, c]``, and without ``c`` where the network has one channel. Where the input has a
        scale, also windows ``[n, time, c]`` or one ``[time, c]``, and real numbers of either shape, which are scaled. Raises
        :class:`InputError` that names shape or type when they are others, and the value when one is beyond the network's input of less
        than 8 bits or is no number.
        """
        array = np.asarray(images)
        height, width, channels = self.shape
        scale = self.input.scale
        shapes: list[tuple[int, ...]] = [(height, width, channels)]
        shapes += [(height, channels)] if scale is not None else [(height, width)] if channels == 1 else []
        good = [shape for shape in shapes if array.shape == shape or array.shape[1:] == shape]
        if not good:
            texts = " or ".join("[" + ", ".join(["n", *map(str, shape)]) + "]" for shape in shapes)
            raise InputError(f"images must have the shape {texts}, or that of one image, not {list(array.shape)}")
        if scale is not None and array.dtype.kind == "f":
            array = _scaled(array.reshape(-1, height, width, channels) if array.size else np.zeros((0, *self.shape)), scale)
        if array.dtype != self.dtype:
            if scale is not None:
                raise InputError(f"windows must be real numbers as the sensor gives them, or {self.dtype} scaled already, not "
                                 f"{array.dtype}")
            hint = "; pixels go in as they are in the data set, from 0 to 255, not scaled to 1" if array.dtype.kind == "f" else ""
            raise InputError(f"images must be {self.dtype}, not {array.dtype}{hint}")
        array = array.reshape(-1, height, width, channels) if array.size else array.reshape(0, height, width, channels)
        if self.input.bits < 8 and array.size:
            least = -(1 << self.input.bits - 1) if self.input.signed else 0
            most = (1 << self.input.bits - int(self.input.signed)) - 1
            low, high = int(array.min()), int(array.max())
            if low < least or high > most:
                raise InputError(f"images must hold values from {least} to {most}, not {low if low < least else high}")
        return array

    def pack(self, images: npt.NDArray[np.uint8] | npt.NDArray[np.int8], out: npt.NDArray[np.uint8]) -> None:
        """Write ``images`` (of :meth:`batch`) into the first bytes of ``out``, uint8 ``[n * image_bytes or more]``."""
        count, size = len(images), self.image_bytes
        rows = out[: count * size].reshape(count, size)
        bytes_of_image = self.shape[0] * self.shape[1] * self.shape[2]
        rows[:, :bytes_of_image] = images.reshape(count, bytes_of_image).view(np.uint8)
        rows[:, bytes_of_image:] = 0


def _scaled(values: npt.NDArray[Any], scale: Scale) -> npt.NDArray[np.uint8]:
    """Real numbers ``[..., channels]`` as the network takes them."""
    if not np.isfinite(values).all():
        raise InputError("windows must hold numbers, not NaN or infinity")
    steps = np.rint((values.astype(np.float64) - np.array(scale.low)) / np.array(scale.step))
    found: npt.NDArray[np.uint8] = np.clip(steps, 0, 255).astype(np.uint8)
    return found


@dataclass(frozen=True)
class Unpacking:
    """Takes result words of ``bits`` bits apart, and puts those of a batch into the order of its images.

    ``answers`` is 0 where an image has one result, else the number of exits, each of which answers for every image that passes it.
    """

    bits: int
    fields: tuple[Field, ...]
    order: str
    answers: int = 0

    @property
    def most(self) -> int:
        """Result words of an image at most."""
        return self.answers or 1

    @property
    def dtype(self) -> np.dtype[np.uint32] | np.dtype[np.uint64]:
        """Type of a result word."""
        return np.dtype(np.uint64) if self.bits == 64 else np.dtype(np.uint32)

    def columns(self, words: npt.NDArray[np.uint32] | npt.NDArray[np.uint64]) -> dict[str, Values]:
        """Every field as int64 ``[n]``, from result words ``[n]``, in their order."""
        wide = words.astype(np.uint64)
        found = {}
        for field in self.fields:
            values = ((wide >> np.uint64(field.offset)) & np.uint64((1 << field.width) - 1)).astype(np.int64)
            if field.signed and field.width < 64:
                values -= (values >> (field.width - 1)) << field.width
            found[field.name] = values
        return found

    def unpack(self, words: npt.NDArray[np.uint32] | npt.NDArray[np.uint64]) -> dict[str, Values]:
        """Every field but ``id`` as int64 ``[n]``, in the order of the batch's images, from its result words as they came; with
        :attr:`answers` those of final words, and what :func:`offramp_driver.answers.answers` gives.

        Of several results with one id the first belongs to the first such image (docs/accelerator.md, Results out). Raises
        :class:`DriverError` when the ids are not those of a batch: results were lost, doubled, or are of another one.
        """
        columns = self.columns(words)
        width = next(field.width for field in self.fields if field.name == "id")
        if self.answers:
            columns = answers(columns, self.answers)
        ids = columns.pop("id")
        expected = np.arange(len(ids), dtype=np.int64) & ((1 << width) - 1)
        if self.order == "input":
            places: npt.NDArray[np.intp] | None = None
            wrong = ids != expected
        else:
            # Both sorted by id, and stably: the j-th result of an id is beside the j-th image that has it.
            images, results = np.argsort(expected, kind="stable"), np.argsort(ids, kind="stable")
            places = np.empty(len(ids), np.intp)
            places[images] = results
            wrong = ids[places] != expected
        if wrong.any():
            first = int(np.argmax(wrong))
            raise DriverError(f"results of a batch of {len(ids)} images were lost, doubled or mixed up: {int(wrong.sum())} of the ids are "
                              f"wrong, the first where image {first} should have had its result")
        return columns if places is None else {name: values[places] for name, values in columns.items()}
