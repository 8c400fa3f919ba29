"""Files that are no network are refused, each with what is wrong with it."""

import numpy as np
import pytest

from sim.golden import GoldenError, load


def _steps_fall(meta, arrays):
    arrays["stage0_conv0.thresholds"][1, 3] = 10**9


@pytest.mark.parametrize(("edit", "message"), [
    (lambda meta, arrays: meta.update(version=3), r"version must be one of 1, 2, not 3"),
    (lambda meta, arrays: meta["heads"].pop(), "as many stages as heads, not 2 and 1"),
    (lambda meta, arrays: arrays.pop("head0_fc0.bias"), "layer head0_fc0: bias names the array 'head0_fc0.bias', which the file lacks"),
    (lambda meta, arrays: arrays.update({"head0_fc0.bias": np.zeros(10)}), "bias must be a signed integer array of 1 .*, not float64"),
    (lambda meta, arrays: meta["stages"][0]["layers"][0].update(kind="conv3d"), "kind must be one of conv, linear, .*, not 'conv3d'"),
    (lambda meta, arrays: meta["stages"][0]["layers"][0].update(kernel=3), "weight must be 3x3, not 5x5"),
    (lambda meta, arrays: meta["stages"][0]["layers"][0].update(kernel=[5, 1]), "weight must be 5x1, not 5x5"),
    (lambda meta, arrays: meta["stages"][0]["layers"][0].update(pad=[1, -1]), r"pad must be positive, not \[1, -1\]"),
    (lambda meta, arrays: meta["stages"][0]["layers"][0].update(stride=[1, 2, 3]), r"stride must be int, not \[1, 2, 3\]"),
    (lambda meta, arrays: meta["stages"][0]["layers"][0].update(stride=[1, True]), r"stride must be int, not \[1, True\]"),
    (lambda meta, arrays: meta["stages"][1]["layers"][0].update(name="stage0_conv0"), "the name is used twice"),
    (lambda meta, arrays: meta["stages"][0]["layers"][0].pop("stride"), "layer stage0_conv0 lacks 'stride'"),
    (lambda meta, arrays: meta["heads"][0]["layers"].pop(), "must end in a linear layer with a bias, not in head0_pool0"),
    (_steps_fall, "thresholds must rise, and those of channel 1 do not"),
    (lambda meta, arrays: meta["stages"][0]["layers"][0].update(weight_bits=1), "weights of weight_bits 1 must be -1 or 1, not -?[0-9]+$"),
])
def test_files_that_do_not_fit(golden_file, edit, message):
    path = golden_file("b_lenet", edit=edit)
    with pytest.raises(GoldenError, match=message):
        load(path)


@pytest.mark.parametrize(("edit", "message"), [
    (lambda meta, arrays: _layer(meta, "stages", 0, 2).pop("factor"), "layer stage0_up0 lacks 'factor'"),
    (lambda meta, arrays: _layer(meta, "stages", 0, 2).update(factor=[2, 0]), r"layer stage0_up0: factor must be positive, not \[2, 0\]"),
    (lambda meta, arrays: _layer(meta, "stages", 0, 2).update(factor=1.5), "layer stage0_up0: factor must be int, not 1.5"),
    (lambda meta, arrays: _layer(meta, "stages", 0, 2).update(inputs=["stage0_conv0", "stage0_pool0"]),
     "layer stage0_up0: inputs must name one layer, not 2"),
    (lambda meta, arrays: meta.update(version=1, input={"height": 6, "width": 4, "channels": 2, "bits": 8, "signed": False}),
     "layer stage0_up0: a file of version 1 has no layer of kind upsample"),
])
def test_upsamplings_that_do_not_fit(golden_file, edit, message):
    with pytest.raises(GoldenError, match=message):
        load(golden_file("unet", edit=edit))


@pytest.mark.parametrize(("edit", "message"), [
    (lambda meta, arrays: meta["input"].pop("encoding"), "input lacks 'encoding'"),
    (lambda meta, arrays: meta["input"].update(scale=-0.5), "input: scale must be a finite number above 0, not -0.5"),
    (lambda meta, arrays: meta["input"].update(bits=9), "input: bits must be from 1 to 8, not 9"),
    (lambda meta, arrays: meta["input"].update(signed=1), "input: signed must be bool, not 1"),
    (lambda meta, arrays: _layer(meta, "stages", 1, 0).pop("scale"), "layer stage1_conv0 lacks 'scale'"),
    (lambda meta, arrays: _layer(meta, "stages", 1, 2).update(scale=0.25),
     r"layer stage1_add0: its inputs must be of one scale, not 0.25 \(stage1_conv1\) and 0.5 \(stage1_act0\)"),
    # A pool gives what it gets: beside it there must be the scale in front of it.
    (lambda meta, arrays: _layer(meta, "stages", 0, 0).update(scale=2.0),
     r"layer head0_add0: its inputs must be of one scale, not 2 \(head0_pool0\) and 0.5 \(head0_conv0\)"),
    (lambda meta, arrays: _layer(meta, "heads", 0, 2).update(scale=0.51), "head0_concat0: its inputs must be of one scale, not 0.51 "),
])
def test_what_version_2_says_of_scales_is_checked(golden_file, edit, message):
    with pytest.raises(GoldenError, match=message):
        load(golden_file("residual", edit=edit))


def test_never_unpickles(tmp_path):
    path = tmp_path / "evil.npz"
    np.savez(path, meta=np.array([{"a": object}], dtype=object))
    with pytest.raises(GoldenError, match=r"not an \.npz file of plain arrays"):
        load(path)
    path.write_bytes(b"not a zip")
    with pytest.raises(GoldenError, match=r"not an \.npz file of plain arrays"):
        load(path)
    with pytest.raises(GoldenError, match="no such file"):
        load(tmp_path / "none.npz")


def _layer(meta, part, k, place):
    return meta[part][k]["layers"][place]


@pytest.mark.parametrize(("edit", "message"), [
    (lambda meta, arrays: _layer(meta, "stages", 1, 0).pop("inputs"), "layer stage1_conv0 lacks 'inputs'"),
    (lambda meta, arrays: _layer(meta, "stages", 1, 0).update(inputs=["image"]),
     r"layer stage1_conv0: inputs must name layers before it .* \(stage0_conv0\), not 'image'"),
    (lambda meta, arrays: _layer(meta, "stages", 1, 0).update(inputs=["stage1_add0"]),
     "layer stage1_conv0: reads 'stage1_add0', which stands behind it: .*, without a cycle"),
    (lambda meta, arrays: _layer(meta, "heads", 1, 0).update(inputs=["stage1_conv0"]), "layer stage1_add0 is read by no other"),
    (lambda meta, arrays: _layer(meta, "heads", 1, 0).update(inputs=["head0_conv0"]), "inputs must name layers before it"),
    (lambda meta, arrays: meta["stages"][0].update(cut=["image"]), r"stage1_conv0: inputs must name layers before it .* \(image\)"),
    (lambda meta, arrays: meta["stages"][0].update(cut=["stage0_conv0", "image"]),
     r"stages\[0\]: image is in its cut, but nothing behind it reads that"),
    (lambda meta, arrays: meta["stages"][0].update(cut=["head0_conv0"]), r"stages\[0\]: cut must name layers of its .*'head0_conv0'"),
    (lambda meta, arrays: meta["stages"][0].update(cut=[]), r"stages\[0\]: cut must be 1 to 4 different tensors, not 0"),
    (lambda meta, arrays: meta["stages"][0].update(cut=["image"] * 5), r"cut must be 1 to 4 different tensors, not 5 \(image, .*\)"),
    (lambda meta, arrays: _layer(meta, "stages", 1, 0).update(inputs=[]), "layer stage1_conv0: inputs must name one layer, not 0"),
    (lambda meta, arrays: _layer(meta, "stages", 1, 2).update(inputs=["stage1_conv0", "stage1_act0"]), "inputs must name one layer, not 2"),
    (lambda meta, arrays: _layer(meta, "stages", 1, 4).update(inputs=["stage1_conv1"]),
     "layer stage1_add0: inputs must name two layers or more, not 1"),
    (lambda meta, arrays: _layer(meta, "heads", 0, 3).update(inputs=["head0_add0"]), "head0_concat0: inputs must name two layers or more"),
    (lambda meta, arrays: _layer(meta, "stages", 1, 4).update(inputs=["stage1_conv1", "stage1_act0"]),
     "layer stage1_conv2 is read by no other"),
])
def test_graphs_that_do_not_fit(golden_file, edit, message):
    with pytest.raises(GoldenError, match=message):
        load(golden_file("residual", edit=edit))
