import numpy as np
import pytest

from quant_models.datasets.sensors import channel_scale, load_sensors
from quant_models.errors import QuantModelError

RNG = np.random.default_rng(5)
GOOD = {
    "x_train": RNG.normal([0, 50, -3], [1, 10, 0.01], (6, 7, 3)).astype(np.float32), "y_train": np.array([0, 1, 2, 1, 0, 2]),
    "x_test": RNG.normal([0, 50, -3], [1, 10, 0.01], (3, 7, 3)).astype(np.float32), "y_test": np.array([0, 1, 2]),
}


def saved(folder, **changes):
    path = folder / "windows.npz"
    np.savez(path, **{key: value for key, value in {**GOOD, **changes}.items() if value is not None})
    return path


def test_windows_are_time_by_one_by_channels_each_channel_over_its_whole_range(tmp_path):
    data = load_sensors(saved(tmp_path))
    assert (data.name, data.shape, data.classes, data.x_train.dtype) == ("windows", (7, 1, 3), 3, np.uint8)
    assert data.x_train.min((0, 1, 2)).tolist() == [0] * 3
    assert data.x_train.max((0, 1, 2)).tolist() == [255] * 3
    back = data.x_train[:, :, 0] * np.array(data.scale.step) + np.array(data.scale.low)
    assert (np.abs(back - GOOD["x_train"]) <= np.array(data.scale.step) * 0.5001).all()


def test_the_scale_is_that_of_the_training_set_alone(tmp_path):
    scale = load_sensors(saved(tmp_path)).scale
    beyond = GOOD["x_test"].copy()
    beyond[0, 0], beyond[0, 1] = 1e6, -1e6
    data = load_sensors(saved(tmp_path, x_test=beyond))
    assert data.scale == scale
    assert data.x_test[0, :2, 0].tolist() == [[255] * 3, [0] * 3]


def test_integers_and_a_single_channel(tmp_path):
    x = np.arange(-3000, -3000 + 6 * 7 * 10, 10, dtype=np.int16).reshape(6, 7)
    data = load_sensors(saved(tmp_path, x_train=x, x_test=x[:3]))
    assert (data.shape, data.scale.low, data.x_train.min(), data.x_train.max()) == ((7, 1, 1), (-3000.0,), 0, 255)
    assert np.array_equal(data.x_test, data.x_train[:3])


def test_a_channel_that_never_changes_is_zero():
    values = np.full((2, 4, 2), 7.5)
    values[0, 0, 1] = 8.5
    scale = channel_scale(values)
    assert scale.integers(values)[..., 0].max() == 0
    assert scale.integers(values)[0, 0, 1] == 255
    with pytest.raises(QuantModelError, match=r"channel 0 must have a finite range, not -1e\+308 to 1e\+308"):
        channel_scale(np.array([[-1e308], [1e308]]))


def with_value(value):
    x = GOOD["x_train"].copy()
    x[4, 5, 1] = value
    return x


@pytest.mark.parametrize(("changes", "message"), [
    ({"y_test": None}, "lacks y_test; it must hold x_train, y_train, x_test, y_test"),
    ({"x_train": with_value(np.nan)}, r"x_train must be finite, not nan at sample 4, time 5, channel 1 \(1 such values\)"),
    ({"x_test": GOOD["x_test"] * np.inf}, r"x_test must be finite, not -?inf at sample 0, time 0, channel 0 \(63 such values\)"),
    ({"x_train": GOOD["x_train"] > 0}, "x_train must be integers or floating point, not bool"),
    ({"x_train": GOOD["x_train"][..., None]}, r"x_train must be \[n, time\(, channels\)\], none of them zero, not \[6, 7, 3, 1\]"),
    ({"x_test": GOOD["x_test"][:, :0]}, r"none of them zero, not \[3, 0, 3\]"),
    ({"x_test": GOOD["x_test"][:, :6]}, r"one shape of window, not \[7, 3\] and \[6, 3\]"),
    ({"y_train": np.array([0, 1, 0, 1, 0, 1])}, "y_train must hold every class from 0 to 2; it has no sample of class 2"),
    ({"y_train": GOOD["y_train"] - 1}, "y_train must be in 0 to 999, not -1 to 1"),
])
def test_wrong_windows_say_what_is_wrong(tmp_path, changes, message):
    with pytest.raises(QuantModelError, match=message):
        load_sensors(saved(tmp_path, **changes))
