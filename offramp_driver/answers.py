"""The answers of every exit, of networks whose exits all answer (docs/accelerator.md, Results out, Mode anytime)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from offramp_driver.errors import DriverError

__all__ = ["PREFIX", "answers"]

PREFIX = "at_exit_"
"""How the columns of all exits' answers are called: this and the field's name."""

Values = npt.NDArray[np.int64]


def answers(columns: Mapping[str, Values], exits: int) -> dict[str, Values]:
    """The final words of a batch, in the order in which they came, each with what the exits before said of its image.

    ``columns`` are all words' fields, int64 ``[words]`` in the order of their arrival. What is returned has the fields of final words but
    ``final`` itself, and for ``label``, ``confidence`` and ``cycles`` (where there is one) a column :data:`PREFIX` + name ``[n, exits]``:
    what each exit said; 0 where the image did not get there, label -1.

    A word belongs to the next final one with its id. Raises :class:`DriverError` when the words of an image are not those of exits 0, 1,
    ... up to its final one.
    """
    # Stably sorted by id, the words of an image stand together, the final one last.
    by_id = np.argsort(columns["id"], kind="stable")
    ids, which, final = columns["id"][by_id], columns["exit"][by_id], columns["final"][by_id] != 0
    ends = np.flatnonzero(final)
    image = np.cumsum(final) - final
    count = len(ends)
    whole = len(final) == 0 or bool(final[-1])
    begins = np.concatenate([[0], ends[:-1] + 1]) if count else np.zeros(0, np.intp)
    if not whole or (ids != ids[ends][image]).any() or (which != np.arange(len(which)) - begins[image]).any() or (which >= exits).any():
        raise DriverError(f"results of a batch of {count} images were lost, doubled or mixed up: some exits' answers have no final one, or "
                          "are not those of all exits before it")
    # Back from the order of ids into that of arrival.
    arrived = np.argsort(by_id[ends], kind="stable")
    place = np.empty(count, np.intp)
    place[arrived] = np.arange(count)
    found = {name: values[by_id[ends]][arrived] for name, values in columns.items() if name != "final"}
    for name in ("label", "confidence", "cycles"):
        if name in columns:
            table = np.full((count, exits), -1 if name == "label" else 0, np.int64)
            table[place[image], which] = columns[name][by_id]
            found[PREFIX + name] = table
    return found
