"""What a package is told of sensor windows is the data set's own scale."""

import types

from build_flows.artefacts.manifest import ScaleRecord
from build_flows.steps.scale import scale_record
from quant_models.datasets.base import ChannelScale


def test_the_data_sets_own_numbers_or_none() -> None:
    scale = ChannelScale(low=(-1.0, 0.5), step=(0.25, 2.0))
    assert scale_record(types.SimpleNamespace(scale=scale)) == ScaleRecord(low=[-1.0, 0.5], step=[0.25, 2.0])
    assert scale_record(types.SimpleNamespace(scale=None)) is None
