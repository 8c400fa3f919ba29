"""The vectorised golden network against the same network in plain Python integers."""

import json

import numpy as np
import pytest

from sim.golden import Exit, GoldenError, decide_images, load


def both(size):
    return size if isinstance(size, list) else [size, size]


def plain_layer(entry, arrays, x, *others):
    """One layer on one image as nested lists of Python integers ``x[h][w][c]``; ``others`` is what an addition reads beside it."""
    height, width, channels = len(x), len(x[0]), len(x[0][0])
    kind = entry["kind"]
    weight = arrays[entry["weight"]].tolist() if "weight" in entry else None
    if kind == "concat":
        return [[[value for item in (x, *others) for value in item[r][c]] for c in range(width)] for r in range(height)]
    if kind == "upsample":
        down, across = both(entry["factor"])
        return [[x[r // down][c // across] for c in range(width * across)] for r in range(height * down)]
    if kind == "maxpool":
        (tall, wide), (down, across) = both(entry["kernel"]), both(entry["stride"])
        return [[[max(x[r + i][c + j][ch] for i in range(tall) for j in range(wide)) for ch in range(channels)]
                 for c in range(0, width - wide + 1, across)] for r in range(0, height - tall + 1, down)]
    if kind == "conv":
        (tall, wide), (down, across), (above, left) = (both(entry[key]) for key in ("kernel", "stride", "pad"))

        def at(row, column, channel):
            return x[row][column][channel] if 0 <= row < height and 0 <= column < width else 0

        acc = [[[sum(at(r + i, c + j, ch) * w[i][j][ch] for i in range(tall) for j in range(wide) for ch in range(channels))
                 for w in weight] for c in range(-left, width + left - wide + 1, across)]
               for r in range(-above, height + above - tall + 1, down)]
    elif kind == "linear":
        flat = [v for row in x for pixel in row for v in pixel]
        acc = [[[sum(a * b for a, b in zip(flat, w, strict=True)) for w in weight]]]
    elif kind in ("threshold", "add"):
        acc = [[[sum(item[r][c][ch] for item in (x, *others)) for ch in range(channels)] for c in range(width)] for r in range(height)]
    else:
        acc = [[[sum(x[r][c][ch] for r in range(height) for c in range(width)) for ch in range(channels)]]]
    if "bias" in entry:
        return [[[a + b for a, b in zip(acc[0][0], arrays[entry["bias"]].tolist(), strict=True)]]]
    steps = arrays[entry["thresholds"]].tolist()
    return [[[entry["out_min"] + sum(v >= t for t in steps[ch]) for ch, v in enumerate(pixel)] for pixel in row] for row in acc]


def plain_run(path, image):
    """Every layer's output by name for one image ``[h, w, c]`` of integers."""
    with np.load(path, allow_pickle=False) as file:
        arrays = {key: file[key] for key in file.files}
    meta = json.loads(str(arrays.pop("meta")[()]))
    outputs = {"image": image.tolist()}
    x = "image"
    for k, (stage, head) in enumerate(zip(meta["stages"], meta["heads"], strict=True)):
        for entry in stage["layers"]:
            outputs[entry["name"]] = plain_layer(entry, arrays, *(outputs[name] for name in entry.get("inputs", [x])))
            x = entry["name"]
        for chain in (head, meta["gates"][k] if "gates" in meta else {"layers": []}):
            y = x
            for entry in chain["layers"]:
                outputs[entry["name"]] = plain_layer(entry, arrays, *(outputs[name] for name in entry.get("inputs", [y])))
                y = entry["name"]
    del outputs["image"]
    return outputs


def test_windows_that_are_not_square_equal_plain_integers(golden_file):
    path = golden_file("oblong")
    images = np.random.default_rng(2).integers(0, 256, (5, 11, 5, 2), dtype=np.uint8)
    collected = {}
    load(path).run(images, collect=collected)
    assert (collected["stage0_conv0"].shape, collected["stage0_pool0"].shape) == ((5, 6, 4, 4), (5, 5, 2, 4))
    for index, image in enumerate(images):
        for name, value in plain_run(path, image).items():
            assert collected[name][index].ravel().tolist() == np.ravel(value).tolist(), name


@pytest.mark.parametrize("seed", [0, 1])
def test_every_layer_equals_plain_integers(golden_file, seed):
    path = golden_file("mixed", seed)
    images = np.random.default_rng(seed).integers(0, 256, (4, 7, 9, 2), dtype=np.uint8)
    collected = {}
    logits = load(path).run(images, collect=collected)
    for index, image in enumerate(images):
        expected = plain_run(path, image.view(np.int8))
        assert set(expected) == set(collected)
        for name, value in expected.items():
            assert collected[name][index].ravel().tolist() == np.ravel(value).tolist(), name
        for values, name in zip(logits, ("head0_fc0", "head1_fc1", "head2_fc0"), strict=True):
            assert values.dtype == np.int64
            assert values[index].tolist() == expected[name][0][0]


@pytest.mark.parametrize(("network", "width", "layer"), [("residual", 5, "stage1_add0"), ("unet", 4, "stage1_conv0")])
def test_what_forks_and_joins_equals_plain_integers(golden_file, network, width, layer):
    path = golden_file(network)
    images = np.random.default_rng(4).integers(0, 256, (6, 6, width, 2), dtype=np.uint8)
    collected = {}
    logits = load(path).run(images, collect=collected)
    assert len(np.unique(collected[layer])) > 3
    for index, image in enumerate(images):
        expected = plain_run(path, image)
        assert set(expected) == set(collected)
        for name, value in expected.items():
            assert collected[name][index].ravel().tolist() == np.ravel(value).tolist(), name
        assert [values[index].tolist() for values in logits] == [expected[name][0][0] for name in ("head0_fc0", "head1_fc0")]


def test_only_maps_of_one_shape_are_added(golden_file):
    def edit(meta, arrays):
        meta["heads"][0]["layers"][2]["inputs"] = ["head0_conv0", "stage0_conv0"]

    net = load(golden_file("residual", edit=edit))
    with pytest.raises(GoldenError, match=r"layer head0_add0 adds maps of one shape, not of \(3, 2, 4\) and \(6, 5, 4\)"):
        net.run(np.zeros((1, 6, 5, 2), np.uint8))


def _gates(meta, arrays):
    """Gate heads at exits 0 and 1."""
    rng = np.random.default_rng(9)
    meta["gates"] = [{"layers": []} for _ in meta["heads"]]
    for k, inputs in ((0, 24), (1, 80)):
        name, layers = f"gatehead{k}_fc0", []
        if k == 0:
            layers = [{"name": "gatehead0_pool0", "kind": "maxpool", "kernel": [2, 1], "stride": [2, 2]}]
        arrays |= {f"{name}.weight": rng.integers(-7, 8, (1, inputs)).astype(np.int8), f"{name}.bias": np.array([37 - k])}
        last = {"name": name, "kind": "linear", "weight_bits": 4, "in_bits": 4, "in_signed": True, "weight": f"{name}.weight",
                "bias": f"{name}.bias", "scale": 0.01}
        meta["gates"][k]["layers"] = [*layers, last]


def test_gate_heads_equal_plain_integers(golden_file):
    path = golden_file("mixed", edit=_gates)
    images = np.random.default_rng(3).integers(0, 256, (5, 7, 9, 2), dtype=np.uint8)
    net, collected, gates = load(path), {}, {}
    logits = net.run(images, collect=collected, gates=gates)
    assert set(gates) == {0, 1}
    for index, image in enumerate(images):
        expected = plain_run(path, image.view(np.int8))
        assert set(expected) == set(collected)
        for k, values in gates.items():
            assert values.shape == (5,)
            assert [values[index].tolist()] == expected[f"gatehead{k}_fc0"][0][0]
    for plain, values in zip(load(golden_file("mixed")).run(images), logits, strict=True):
        assert np.array_equal(plain, values)
    exits = [Exit(index=0, policy="gate", threshold=int(np.median(gates[0])), params={}),
             Exit(index=1, policy="gate", threshold=10**6, params={}), Exit(index=2, policy="always", threshold=0)]
    found = decide_images(net, exits, images)
    assert found.exit.tolist() == [0 if value >= np.median(gates[0]) else 2 for value in gates[0]]
    assert [found.confidence[n] == gates[0][n] for n in np.flatnonzero(found.exit == 0)] == [True] * int((found.exit == 0).sum())


@pytest.mark.parametrize(("edit", "message"), [
    (lambda meta, arrays: meta["gates"].pop(), "gates must be as many as heads, 3, not 2"),
    (lambda meta, arrays: arrays.update({"gatehead0_fc0.bias": np.array([1, 2])}), "a gate head ends in one output, not weight rows 1, b"),
    (lambda meta, arrays: meta["gates"][0]["layers"].pop(), r"gates\[0\] must end in a linear layer with a bias, not in gatehead0_pool0"),
])
def test_gate_heads_that_do_not_fit(golden_file, edit, message):
    def both_edits(meta, arrays):
        _gates(meta, arrays)
        edit(meta, arrays)

    with pytest.raises(GoldenError, match=message):
        load(golden_file("mixed", edit=both_edits))


def test_b_lenet_in_chunks_equals_one_by_one(golden_file):
    net = load(golden_file("b_lenet"))
    images = np.random.default_rng(3).integers(0, 256, (200, 28, 28, 1), dtype=np.uint8)
    whole = net.run(images)
    assert [values.shape for values in whole] == [(200, 10), (200, 10)]
    for index in (0, 83, 84, 199):
        for values, single in zip(whole, net.run(images[index : index + 1]), strict=True):
            assert values[index].tolist() == single[0].tolist()
    assert [len(values) for values in net.run(images[:0])] == [0, 0]


def test_large_accumulators_stay_exact(golden_file):
    def widen(meta, arrays):
        arrays["head0_fc0.weight"][:] = 127
        arrays["head0_sum0.thresholds"] = np.arange(15)[None] + np.zeros((4, 1), np.int64)
        arrays["stage0_conv0.weight"] = arrays["stage0_conv0.weight"].astype(np.int32) * 100003

    path = golden_file("mixed", 0, widen)
    images = np.random.default_rng(5).integers(0, 256, (2, 7, 9, 2), dtype=np.uint8)
    collected = {}
    load(path).run(images, collect=collected)
    expected = plain_run(path, images[1].view(np.int8))
    assert collected["stage0_conv0"][1].tolist() == expected["stage0_conv0"]


@pytest.mark.parametrize(("images", "message"), [
    (np.zeros((1, 7, 9, 2)), "images must be uint8, not float64"),
    (np.zeros((1, 9, 7, 2), np.uint8), r"images must be \[n, 7, 9, 2\], not \[1, 9, 7, 2\]"),
])
def test_images_that_do_not_fit(golden_file, images, message):
    with pytest.raises(GoldenError, match=message):
        load(golden_file("mixed")).run(images)


def test_pixels_out_of_range(golden_file):
    path = golden_file("b_lenet", edit=lambda meta, arrays: meta["input"].update(bits=4))
    with pytest.raises(GoldenError, match="pixels must be from 0 to 15, not 16 to 16"):
        load(path).run(np.full((1, 28, 28, 1), 16, np.uint8))


@pytest.mark.parametrize(("value", "good"), [(-9, False), (-8, True), (7, True), (8, False)])
def test_signed_pixels_out_of_range(golden_file, value, good):
    net = load(golden_file("mixed", edit=lambda meta, arrays: meta["input"].update(bits=4)))
    images = np.full((1, 7, 9, 2), value, np.int8).view(np.uint8)
    if good:
        assert len(net.run(images)) == 3
    else:
        with pytest.raises(GoldenError, match=f"pixels must be from -8 to 7, not {value} to {value}"):
            net.run(images)
