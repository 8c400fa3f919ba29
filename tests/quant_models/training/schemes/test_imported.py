import numpy as np
import pytest

from quant_models.datasets.load import Dataset
from quant_models.errors import QuantModelError
from quant_models.training.schemes import Import, Joint
from quant_models.training.train import TrainSettings, train
from tests.quant_models.conftest import build_spec
from tests.quant_models.training.schemes.samples import batch, fresh, seeded


def test_it_trains_as_joint_does():
    one, other = (scheme(exit_weights=(1.0, 0.5, 2.0)).loss(fresh(), batch(), 0, seeded()) for scheme in (Import, Joint))
    assert float(one[0].detach()) == float(other[0].detach())
    assert one[1] == other[1]
    assert Import().describe() == {"name": "import", "exit_weights": None}


def test_it_goes_on_from_weights(tmp_path, images):
    labels = np.arange(50) % 4
    data = Dataset(name="some", x_train=images, y_train=labels, x_test=images, y_test=labels)
    with pytest.raises(QuantModelError, match="scheme import goes on from trained weights: it needs a checkpoint to start from"):
        train(build_spec(), data, TrainSettings(epochs=1, batch=8), tmp_path / "net", scheme=Import())
