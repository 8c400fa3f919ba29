"""Golden against simulated results: what agrees passes, and the first difference is told with all its values."""

from types import SimpleNamespace

import numpy as np
import pytest

from hw.netlist import ResultField
from sim.accelerator.agreement import agree, compare
from sim.errors import AgreementError
from sim.golden import Decisions

CONFIDENCE = ResultField(name="confidence", offset=0, width=4, signed=True)
IDS = np.array([0, 1, 0])


def golden():
    return Decisions(label=np.array([3, 1, 4]), exit=np.array([0, 1, 0]), confidence=np.array([-900, 5, 7]))


def simulated(**changes):
    """What the word of four bits holds of the same."""
    columns = {"label": [3, 1, 4], "exit": [0, 1, 0], "confidence": [-8, 5, 7], "id": [0, 1, 0], **changes}
    return SimpleNamespace(**{name: np.array(values) for name, values in columns.items()})


def test_confidences_are_compared_as_the_word_holds_them():
    assert agree(golden(), simulated(), confidence=CONFIDENCE, ids=IDS).all()
    compare(golden(), simulated(), confidence=CONFIDENCE, ids=IDS)


@pytest.mark.parametrize(("changes", "message"), [
    ({"id": [0, 1, 2]}, "1 of 3 samples differ; the first is sample 2, which should leave at exit 0: simulated id 2 instead of 0"),
    ({"label": [3, 0, 0]}, "2 of 3 samples differ; the first is sample 1, which should leave at exit 1: simulated class 0 instead of 1"),
    ({"exit": [1, 1, 0], "confidence": [-7, 5, 7]}, "sample 0, .*: simulated exit 1 instead of 0, confidence -7 instead of -8"),
    ({"label": [3, 1], "exit": [0, 1]}, "3 samples went through the golden model, 2 through the simulation"),
])
def test_the_first_difference_is_told_with_all_its_values(changes, message):
    with pytest.raises(AgreementError, match=message):
        compare(golden(), simulated(**changes), confidence=CONFIDENCE, ids=IDS)
