from benchmarks.layer_speed import LAYERS, config_text
from build_flows.project.load import parse


def test_they_differ_in_their_layers_alone() -> None:
    fused, finn = (parse(config_text(layers)) for layers in LAYERS)
    assert (fused.build.layers, finn.build.layers) == ("fused", "finn")
    assert fused.train == finn.train
    assert (fused.model, fused.exits, fused.target) == (finn.model, finn.exits, finn.target)
