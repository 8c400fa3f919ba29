"""Networks as compile sees them: runs of layers, where paths fork and join."""

from collections.abc import Sequence
from typing import Any

import pytest

from build_flows.planning.network import Network, Run
from build_flows.planning.read_network import from_meta
from hw.layers.stream_add import sum_bits

STEPS = {"thresholds": "t", "out_bits": 4, "out_signed": False, "out_min": 0}


def conv(name: str, *inputs: str, out: int = 4, **changes: Any) -> tuple[dict[str, Any], dict[str, tuple[int, ...]]]:
    return ({"name": name, "kind": "conv", "kernel": 3, "pad": 1, "stride": 1, "weight": f"{name}.weight", "weight_bits": 4,
             "inputs": list(inputs), **STEPS, **changes}, {f"{name}.weight": (out, 3, 3, 2 if inputs == ("image",) else 4)})


def plain(name: str, kind: str, *inputs: str, **changes: Any) -> tuple[dict[str, Any], dict[str, tuple[int, ...]]]:
    return {"name": name, "kind": kind, "inputs": list(inputs), **STEPS, **changes}, {}


def logits(name: str, *inputs: str, values: int = 6 * 5 * 4) -> tuple[dict[str, Any], dict[str, tuple[int, ...]]]:
    return ({"name": name, "kind": "linear", "weight": f"{name}.weight", "weight_bits": 4, "inputs": list(inputs), "bias": "b",
             "scale": 1.0},
            {f"{name}.weight": (3, values)})


Part = Sequence[tuple[dict[str, Any], dict[str, tuple[int, ...]]]]


def network(stages: Sequence[Part], heads: Sequence[Part], cuts: Sequence[list[str]] = ()) -> Network:
    blocks: dict[str, list[dict[str, Any]]] = {
        key: [{"layers": [layer for layer, _ in part]} for part in parts] for key, parts in (("stages", stages), ("heads", heads))}
    for block, cut in zip(blocks["stages"], cuts, strict=False):
        block["cut"] = cut
    shapes = {key: shape for part in (*stages, *heads) for _, found in part for key, shape in found.items()}
    return from_meta({"version": 2, "name": "forks", "classes": 3, **blocks,
                      "input": {"shape": [6, 5, 2], "bits": 8, "signed": False, "encoding": "integer", "scale": 0.5, "offset": 0}}, shapes)


def residual() -> Network:
    return network(
        [[conv("a", "image"), conv("b", "a")], [conv("c", "b"), conv("d", "c"), plain("e", "threshold", "b"), plain("f", "add", "d", "e"),
                                               conv("g", "f")]],
        [[logits("x", "b")], [logits("y", "g")]])


def names(run: Run) -> list[str]:
    return [layer.name for layer in run.layers]


def test_runs_are_cut_where_paths_fork_and_join() -> None:
    runs = residual().runs
    assert [(run.part, run.index, names(run)) for run in runs] == [
        ("stage", 0, ["a", "b"]), ("head", 0, ["x"]), ("stage", 1, ["c", "d"]), ("stage", 1, ["e"]), ("stage", 1, ["f", "g"]),
        ("head", 1, ["y"])]
    # A tree: what joins hangs on its first input.
    assert [run.behind for run in runs] == [(1, 2, 3), (), (4,), (), (5,), ()]
    assert [run.held for run in runs] == [(0,), (), (), (), (), ()]


def test_layers_one_behind_the_other_are_one_run() -> None:
    found = network([[conv("a", "image"), conv("b", "a")]], [[conv("c", "b"), logits("x", "c")]])
    assert list(map(names, found.runs)) == [["a", "b"], ["c", "x"]]


def test_a_stage_without_layers_passes_on_what_comes() -> None:
    found = network([[conv("a", "image")], [], [conv("b", "a")]], [[logits("x", "a")], [logits("y", "a")], [logits("z", "b")]])
    assert [(run.part, run.index, names(run), run.behind) for run in found.runs] == [
        ("stage", 0, ["a"], (1, 2, 3)), ("head", 0, ["x"], ()), ("head", 1, ["y"], ()), ("stage", 2, ["b"], (4,)), ("head", 2, ["z"], ())]
    assert found.runs[0].held == (0, 1)


@pytest.mark.parametrize(("bits", "signed"), [
    ((4, 4), (False, False)), ((4, 4), (True, True)), ((3, 5), (True, False)), ((2, 8), (True, True))])
def test_a_sum_is_as_wide_as_it_needs(bits: tuple[int, int], signed: tuple[bool, bool]) -> None:
    given = [conv(name, "image", out_bits=width, out_signed=sign) for name, width, sign in zip("ab", bits, signed, strict=True)]
    found = network([[*given, plain("f", "add", "a", "b")]], [[logits("x", "f")]]).layer("f")
    # As the unit that adds them makes it.
    assert (found.sum_bits, found.acc_bits) == (sum_bits(list(zip(bits, signed, strict=True)))[0],) * 2
    assert (found.in_bits, found.others) == (bits[0], ((bits[1], signed[1]),))
