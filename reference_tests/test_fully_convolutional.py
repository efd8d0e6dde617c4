"""Dense heads as convolutions: the same numbers, the chapter's sizes, and every cell the network on its window."""

import keras
import numpy as np
import pytest

from numpycnn.detection import cell_windows, slide
from numpycnn.layers import Add, AveragePooling2D, Conv2D, Dense, Dropout, Flatten, GlobalAveragePooling2D, Input
from numpycnn.models import Model, Sequential, to_fully_convolutional


def whole_numbers(model, seed=0):
    """Weights of -1, 0 and 1, mostly 0: sums of small integers come out to the bit, whatever their order."""
    rng = np.random.default_rng(seed)
    for variable in model.weights:
        variable.assign(rng.choice([-1, 0, 0, 0, 0, 0, 0, 1], variable.shape))
    return model


def network(side=224, stages=5) -> Sequential:
    """For 224x224: five halvings to 7x7, then a dense head of 10."""
    convs = [Conv2D(3, 2, strides=2, name=f"conv{k}") for k in range(stages)]
    head = [Flatten(), Dense(6, activation="relu", name="fc1"), Dropout(0.5), Dense(10, name="fc2")]
    return whole_numbers(Sequential([Input((side, side, 2)), *convs, *head], name="small"))


def test_the_chapters_dense_layer_of_200():
    """A 7x7x100 feature map: 200 filters of 7x7, "valid"; (2, 200) and (2, 1, 1, 200), the same numbers as in Keras."""
    model = Sequential([Input((7, 7, 100)), Flatten(), Dense(200, name="dense")])
    made = to_fully_convolutional(model)
    conv = made.get_layer("dense")
    assert (conv.filters, conv.kernel_size, conv.padding) == (200, (7, 7), "valid")
    x = np.random.default_rng(0).integers(-2, 3, (2, 7, 7, 100)).astype(np.float32)
    model.variables["dense/kernel"].assign(np.random.default_rng(1).integers(-2, 3, (4900, 200)))
    made = to_fully_convolutional(model)
    y, z = model.predict(x), made.predict(x)
    assert (y.shape, z.shape) == ((2, 200), (2, 1, 1, 200))
    np.testing.assert_array_equal(y, z[:, 0, 0])
    built = keras.Sequential([keras.Input((7, 7, 100)), keras.layers.Conv2D(200, 7)])
    built.set_weights([made.variables["dense/kernel"].value, made.variables["dense/bias"].value])
    np.testing.assert_array_equal(built.predict(x, verbose=0), z)


def test_every_cell_on_448_is_the_network_for_224_on_what_the_cell_sees():
    model = network()
    made = to_fully_convolutional(model, (448, 448, 2))
    assert made.outputs[0].shape == (8, 8, 10)
    windows = cell_windows(made)
    assert windows.shape == (8, 8, 4)
    assert windows[0, 0].tolist() == [0, 0, 224, 224]
    assert windows[2, 7].tolist() == [224, 64, 448, 288]
    image = np.random.default_rng(2).integers(-1, 2, (1, 448, 448, 2)).astype(np.float32)
    cells = made.predict(image)[0]
    assert np.abs(cells).max() > 3
    for i, j in ((0, 0), (2, 7), (7, 3), (5, 5)):
        x1, y1, x2, y2 = windows[i, j].astype(int)
        np.testing.assert_array_equal(cells[i, j], model.predict(image[:, y1:y2, x1:x2])[0])
    np.testing.assert_array_equal(slide(model, image, 32)[0], cells)


def test_pictures_of_two_sizes_and_overlapping_windows():
    layers = [
        Conv2D(3, 3, activation="relu"),
        AveragePooling2D(2, strides=2),
        Conv2D(2, (2, 3)),
        Flatten(),
        Dense(4, use_bias=False),
    ]
    model = whole_numbers(Sequential([Input((13, 17, 2)), *layers], name="m", dtype="float64"), seed=5)
    made = to_fully_convolutional(model, (21, 31, 2))
    assert made.dtype == np.float64
    image = np.random.default_rng(3).integers(-4, 5, (2, 21, 31, 2))
    np.testing.assert_array_equal(made.predict(image), slide(model, image, 2))
    rows, columns = np.mgrid[:5, :8]
    seen = np.stack([2 * columns, 2 * rows, 2 * columns + 16, 2 * rows + 12], axis=-1)  # 17 and 13, less what 2 leaves
    np.testing.assert_array_equal(cell_windows(made), seen)


def test_windows_of_padded_cells_begin_before_the_picture():
    """5 rows every 2, 2 of them padded at the top; 9 columns every 3, 3 of them padded on the left."""
    windows = cell_windows(Sequential([Input((11, 20, 2)), Conv2D(4, (5, 9), strides=(2, 3), padding="same")]))
    i, j = np.mgrid[:6, :7]
    np.testing.assert_array_equal(windows, np.stack([3 * j - 3, 2 * i - 2, 3 * j + 6, 2 * i + 3], axis=-1))
    with pytest.raises(ValueError, match="cell_windows: each output of the model must see a window of one size"):
        cell_windows(Sequential([Input((4, 5, 2)), GlobalAveragePooling2D(keepdims=True)]))


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (
            [Flatten(), Dense(3), Flatten()],
            "after Flatten there may be dense layers and dropout only; Flatten does not fit",
        ),
        ([GlobalAveragePooling2D(), Dense(3)], "the model must have Flatten and a dense layer after it"),
    ],
)
def test_what_cannot_be_converted(layers, message):
    with pytest.raises(ValueError, match=message):
        to_fully_convolutional(Sequential([Input((4, 5, 2)), *layers]))


def test_what_branches_is_not_converted():
    inputs = Input((4, 5, 2))
    x = Add()(Conv2D(2, 1)(inputs), inputs)
    model = Model(inputs, Dense(3)(Flatten()(x)))
    with pytest.raises(ValueError, match="the model must be a chain of layers; Add does not fit"):
        to_fully_convolutional(model)
