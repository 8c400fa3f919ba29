"""What a search file may hold, and what is told of a faulty one."""

import re

import pytest
import tomli_w

from build_flows.base.errors import ConfigError
from build_flows.explore.search_file import POLICY_NAMES, MustSection, read_search
from tests.test_layering import ROOT

SEARCH = {"version": 1, "base": "base.toml", "exits": [{"after": 0, "heads": ["conv"]}, {"after": 1}]}


def read(folder, **changes):
    path = folder / "search.toml"
    path.write_text(tomli_w.dumps({**SEARCH, **changes}))
    return read_search(path)


def test_what_is_not_said_has_a_default(tmp_path):
    found = read(tmp_path)
    assert (found.policies, found.objectives) == (["max_logit", "margin", "softmax"], ["accuracy", "throughput", "lut"])
    assert (found.cycles_per_sample, found.enumerate_up_to, found.verify, found.alone) == ("auto", 20_000, 8, True)
    assert found.must.accuracy is None


def test_the_example_is_valid():
    found = read_search(ROOT / "examples" / "explore_b_lenet.toml")
    assert (ROOT / "examples" / found.base).is_file()
    assert [item.after for item in found.exits] == [0, 1]


def test_policies_are_those_of_one_threshold_and_logits_alone():
    assert POLICY_NAMES == ("max_logit", "margin", "softmax", "entropy")


@pytest.mark.parametrize(("changes", "told"), [
    ({"objectives": ["accuracy", "speed"]},
     r'objectives\[1\] = "speed": allowed: "accuracy", "throughput", "energy", "lut", "ff", "bram36", "dsp"'),
    ({"policies": ["margin", "margin"]}, r'policies = \["margin", "margin"\]: one of them is there twice; allowed: each once'),
    ({"policies": ["gate"]}, r'policies\[0\] = "gate": allowed: "max_logit", "margin", "softmax", "entropy"'),
    ({"accuracy_loss": [0.5, 0.5]}, r"accuracy_loss = \[0.5, 0.5\]: one of them is there twice"),
    ({"utilisation": []}, r"utilisation = \[\]: nothing to choose from; allowed: one at least"),
    ({"cycles_per_sample": []}, r"cycles_per_sample = \[\]: nothing to choose from; allowed: one at least"),
    ({"cycles_per_sample": [500, 500]}, r"cycles_per_sample = \[500, 500\]: one of them is there twice"),
    ({"exits": []}, r"exits = \[\]: nothing to choose from"),
    ({"exits": [{"after": 1}, {"after": 0}]}, r"exits\[\].after = \[1, 0\]: must rise"),
    ({"exits": [{"after": 1}, {"after": 1}]}, r"exits\[\].after = \[1, 1\]: must rise"),
    ({"exits": [{"after": 0, "heads": ["conv", "conv"]}]}, r'exits\[0\].heads = \["conv", "conv"\]: one of them is there twice'),
    ({"bits": [{"weight": 4, "act": 4}, {"weight": 4, "act": 4}]}, "bits = .*: one of them is there twice"),
    ({"must": {"accuracy": 101}}, "must.accuracy = 101"),
    ({"must": {"latency_us": 0}}, "must.latency_us = 0"),
    ({"must": {"latency_percentile": 101}}, "must.latency_percentile = 101"),
    ({"policy": 1}, r"policy = 1: unknown key \(did you mean policies\?\)"),
    ({"version": 2}, "version = 2"),
])
def test_faults_are_told_key_by_key(tmp_path, changes, told):
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, **changes)
    [line] = caught.value.message.splitlines()
    assert line.startswith(f"{tmp_path / 'search.toml'}: ")
    assert re.search(told, line), line


def test_what_is_no_search_file_is_told(tmp_path):
    with pytest.raises(ConfigError, match=r"gone\.toml: no such file"):
        read_search(tmp_path / "gone.toml")
    with pytest.raises(ConfigError, match="is a folder, not a search file"):
        read_search(tmp_path)
    config = tmp_path / "a config.toml"
    config.write_text('[project]\nname = "a"\n')
    with pytest.raises(ConfigError, match="is a configuration, not a search file") as caught:
        read_search(config)
    assert caught.value.hint is not None
    assert f"offramp run '{config}'" in caught.value.hint
    config.write_text("version = ")
    with pytest.raises(ConfigError, match=r"a config\.toml"):
        read_search(config)


def test_what_must_hold_is_told_by_key():
    assert MustSection().told() == {}
    assert MustSection(accuracy=85, latency_percentile=50).told() == {"accuracy": 85, "latency_percentile": 50}, "it is told of all"
    assert MustSection(latency_us=12).told() == {"latency_us": 12, "latency_percentile": 99}
