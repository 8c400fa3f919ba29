import tomllib

import pytest

from build_flows.project.text import config_text


def test_reading_it_gives_the_values_again():
    values = {
        "project": {"name": "x", "output": "."},
        "exits": [{"policy": "softmax", "after": 0}, {"policy": "always"}],
        "target": {"hard_share": [0.25, 1e-06], "clock_mhz": 100.0, "cycles_per_sample": 1296}, "train": {"flip": True, "shift": 0},
        "data": {"path": 'a "quoted" \\ path\t\x7fé'}, "calibrate": {},
        "model": {"weight_bits": 4, "layer_bits": {"stage0_conv0": {"weight": 8, "act": 4}, "a b": {}}},
    }
    text = config_text(values, "first\nsecond")
    assert tomllib.loads(text) == values
    assert text.startswith("# first\n# second\n\n[project]\n")
    assert text == config_text(values, "first\nsecond")


def test_what_toml_does_not_hold_is_refused():
    with pytest.raises(ValueError, match=r"train\.checkpoint must be text, .*, not None"):
        config_text({"train": {"checkpoint": None}})
