"""`numpycnn explain`: every number it prints is the op's own, and every cell it draws is where the op really looks."""

import json
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numpycnn import ops
from numpycnn.detection import iou, non_max_suppression
from numpycnn.detection.overlap import iou_backward
from numpycnn.explanations import EXPLAINED, explain, find
from numpycnn.explanations.catalogue import frames
from numpycnn.layers import Input
from numpycnn.models import Model
from numpycnn.models.blocks import residual_unit as make_unit
from numpycnn.testing.strategies import distinct, paddings, values
from reference_tests.library.command_line import figures, refused, run, succeeds

TWO = st.tuples(st.integers(1, 3), st.integers(1, 3))


@st.composite
def slid(draw, *, dilated=True, pools=False):
    """An image, how a window slides over it and a place in the output, of integers, no two sizes alike."""
    height, width, channels = draw(distinct((4, 8), (4, 8), (2, 4)))
    kernel, dilation = draw(TWO), draw(TWO) if dilated else (1, 1)
    extents = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    padding = draw(paddings(tuple(extents)))
    if any(extent > size for extent, size in zip(extents, (height, width), strict=True)):
        padding = "same"
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    options = {"strides": draw(TWO), "padding": padding}
    options |= {"pool_size": kernel} if pools else {"dilation_rate": dilation}
    return rng, values(rng, (1, height, width, channels), "integers"), kernel, options


def placed(rng, shape):
    return tuple(int(rng.integers(size)) for size in shape)


def one_hot(shape, at):
    dy = np.zeros((1, *shape))
    dy[0][at] = 1
    return dy


def drawn_window(grid, inside):
    """The cells that are drawn as behind the value, those within the image alone where `inside`."""
    return grid.cells("window", "winner", *(() if inside else ("padded",)))


@given(slid(), st.integers(1, 3), st.booleans())
def test_a_convolution_is_the_sum_that_is_printed(case, groups, with_bias):
    rng, x, kernel_size, options = case
    x = np.concatenate([x] * groups, axis=3)
    options["groups"] = groups
    kernel = values(rng, (*kernel_size, x.shape[3] // groups, 2 * groups), "integers")
    bias = values(rng, (2 * groups,), "integers") if with_bias else None
    y = ops.conv2d(x, kernel, bias, **options)
    at = placed(rng, y.shape[1:])
    dy = values(rng, y.shape, "integers")
    found = find("conv2d").function(x, kernel, bias, at=at, dy=dy, **options)
    terms = found.section("What stands")
    added = 0 if bias is None else bias[at[2]]
    assert found.value == y[0][at] == sum(terms.column("product")) + added
    given = found.section("The gradient")
    dx, dkernel, _ = ops.conv2d_backward(one_hot(y.shape[1:], at) * dy, x, kernel, **options)
    assert_scattered(given.column("pixel"), given.column("pixel receives"), dx[0])
    assert_scattered(given.column("weight"), given.column("weight receives"), dkernel)
    received = [section for section in found.sections if section.title.startswith("All that")]
    whole_dx = ops.conv2d_backward(dy, x, kernel, **options)[0]
    for section in received:
        place = tuple(map(int, re.findall(r"\d+", section.title)))
        assert sum(section.column("product")) == whole_dx[0][place]
    assert bool(received) == any(name != "padding" for name in terms.column("pixel"))


def assert_scattered(names, numbers, array):
    """The numbers, each put where its name says, are the array."""
    scattered = np.zeros_like(array)
    for name, number in zip(names, numbers, strict=True):
        if name != "padding":
            scattered[tuple(map(int, re.findall(r"-?\d+", name)))] += number
    np.testing.assert_array_equal(scattered, array)


@given(slid(), st.integers(1, 2))
def test_the_cells_of_a_drawing_are_those_that_the_op_reads(case, groups):
    """By the gradient of ones for pixels, and for padding by the same with the padding made part of the image."""
    rng, x, kernel_size, options = case
    x = np.concatenate([x] * groups, axis=3)
    kernel = np.ones((*kernel_size, x.shape[3] // groups, groups))
    y = ops.conv2d(x, kernel, **options, groups=groups)
    at = placed(rng, y.shape[1:])
    found = find("conv2d").function(x, kernel, at=at, **options, groups=groups)
    read = ops.conv2d_backward(one_hot(y.shape[1:], at), x, kernel, **options, groups=groups)[0][0]
    for grid in found.panels[0]:
        channel = int(re.findall(r"\d+", grid.title)[0])
        assert drawn_window(grid, inside=True) == {tuple(place) for place in np.argwhere(read[:, :, channel])}
        own = grid.values[-grid.first[0] :, -grid.first[1] :][: x.shape[1], : x.shape[2]]
        np.testing.assert_array_equal(own, x[0, :, :, channel])
        assert len(grid.cells("window", "padded")) in (0, len(kernel[..., 0, 0].ravel()))
        unread = ops.conv2d_backward(np.ones_like(y), x, kernel, **options, groups=groups)[0][0, :, :, channel] == 0
        assert grid.cells("unread") == {tuple(place) for place in np.argwhere(unread)}
        begun = ops.conv2d_backward(np.ones_like(y), x, first_tap(kernel), **options, groups=groups)[0][
            0, :, :, channel
        ]
        assert len(grid.starts) == y.shape[1] * y.shape[2]
        assert within(grid.starts, x.shape[1:3]) == {tuple(place) for place in np.argwhere(begun)}
    assert found.panels[-1][0].cells("chosen") == {at[:2]}


def first_tap(kernel):
    """Ones through which only the pixel is seen at which a window begins."""
    first = np.zeros_like(kernel)
    first[0, 0] = 1
    return first


def within(places, shape):
    return {place for place in places if all(0 <= at < size for at, size in zip(place, shape, strict=True))}


@given(slid())
def test_what_is_drawn_as_padding_is_what_the_op_pads(case):
    rng, x, kernel_size, options = case
    kernel = np.ones((*kernel_size, x.shape[3], 1))
    y = ops.conv2d(x, kernel, **options)
    grid = find("conv2d").function(x, kernel, at=placed(rng, y.shape[1:]), **options).panels[0][0]
    (top, left), (height, width) = grid.first, grid.values.shape
    pads = ((-top, height + top - x.shape[1]), (-left, width + left - x.shape[2]))
    explicit = {**options, "padding": pads}
    np.testing.assert_array_equal(ops.conv2d(x, kernel, **explicit)[:, : y.shape[1], : y.shape[2]], y)
    inside = {(i, j) for i in range(x.shape[1]) for j in range(x.shape[2])}
    assert grid.cells("padding", "padded").isdisjoint(inside)
    assert len(grid.cells("padding", "padded")) == height * width - len(inside)


@given(slid(dilated=True), st.integers(1, 3))
def test_a_transposed_convolution_is_the_sum_of_what_meets(case, groups):
    rng, x, kernel_size, options = case
    x = np.concatenate([x] * groups, axis=3)
    options |= {"padding": "same", "groups": groups}
    kernel = values(rng, (*kernel_size, 2, x.shape[3]), "integers")
    bias = values(rng, (2 * groups,), "integers")
    y = ops.conv2d_transpose(x, kernel, bias, **options)
    at = placed(rng, y.shape[1:])
    dy = values(rng, y.shape, "integers")
    found = find("conv2d_transpose").function(x, kernel, bias, at=at, dy=dy, **options)
    terms = found.section("What stands")
    assert found.value == y[0][at] == sum(terms.column("product") if terms.rows else []) + bias[at[2]]
    if terms.rows:
        dx = ops.conv2d_transpose_backward(one_hot(y.shape[1:], at) * dy, x, kernel, **options)[0]
        assert_scattered(terms.column("pixel"), terms.column("pixel receives"), dx[0])
        received = found.section("All that")
        place = tuple(map(int, re.findall(r"\d+", received.title)))
        whole = ops.conv2d_transpose_backward(dy, x, kernel, **options)[0]
        assert sum(received.column("product")) == whole[0][place]


@given(slid(dilated=True), st.integers(1, 3), st.integers(1, 30))
def test_the_cells_of_a_transposed_convolution_are_those_that_meet(case, groups, apart):
    """By its gradients on ones: the pixels, the taps that they come through, and all that one pixel spreads over."""
    rng, x, kernel_size, options = case
    x = np.ones((1, 3, 4, 2 * groups))
    options |= {"padding": "same", "groups": groups, "strides": (options["strides"][0], apart)}
    kernel = np.ones((*kernel_size, 3, x.shape[3]))
    y = ops.conv2d_transpose(x, kernel, **options)
    at = placed(rng, y.shape[1:])
    found = find("conv2d_transpose").function(x, kernel, at=at, **options)
    (pixels, taps), (spreading,) = found.panels
    dx, dkernel, _ = ops.conv2d_transpose_backward(one_hot(y.shape[1:], at), x, kernel, **options)
    channel = at[2] // 3 * 2
    assert pixels.cells("window") == {tuple(place) for place in np.argwhere(dx[0, :, :, channel])}
    assert taps.cells("window") == {tuple(place) for place in np.argwhere(dkernel[:, :, at[2] % 3, channel])}
    spread = np.zeros(y.shape[1:3])
    if dx.any():
        pixel = tuple(map(int, re.search(r"x\[(\d+), (\d+)\] spreads", spreading.title).groups()))
        spread = ops.conv2d_transpose(one_hot(x.shape[1:], (*pixel, channel)), kernel, **options)[0, :, :, at[2]]
    assert spreading.cells("window") == {tuple(place) for place in np.argwhere(spread)} - {at[:2]}
    assert spreading.cells("chosen") == {at[:2]}


@given(slid(dilated=False, pools=True), st.sampled_from(["max_pool2d", "avg_pool2d"]), st.booleans())
def test_pooling_takes_and_gives_back_what_is_printed(case, op, include):
    rng, x, _, options = case
    options |= {"count_include_pad": include} if op == "avg_pool2d" else {}
    forward, backward = getattr(ops, op), getattr(ops, f"{op}_backward")
    y = forward(x, **options)
    at, dy = placed(rng, y.shape[1:]), values(rng, y.shape, "integers")
    found = find(op).function(x, at=at, dy=dy, **options)
    terms, received = found.section("What stands"), found.section("All that")
    assert found.value == y[0][at]
    dx = backward(one_hot(y.shape[1:], at) * dy, x, **options)
    own = [(n, r) for n, r in zip(terms.column("pixel"), terms.column("receives"), strict=True) if n != "padding"]
    scattered = np.zeros_like(x)
    for name, number in own:
        scattered[0][tuple(map(int, re.findall(r"\d+", name)))] += number
    np.testing.assert_allclose(scattered, dx, rtol=1e-14)
    place = tuple(map(int, re.findall(r"\d+", received.title)))
    np.testing.assert_allclose(sum(received.column("product")), backward(dy, x, **options)[0][place], atol=1e-13)
    read = ops.avg_pool2d_backward(
        one_hot(y.shape[1:], at), x, **{k: v for k, v in options.items() if k != "count_include_pad"}
    )
    (grid,) = found.panels[0]
    assert drawn_window(grid, inside=True) == {tuple(p) for p in np.argwhere(read[0, :, :, at[2]])}
    if op == "max_pool2d":
        (winner,) = grid.cells("winner")
        assert x[0][*winner, at[2]] == y[0][at]


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(1, 4), st.sampled_from(["valid", "same"]))
def test_pooling_over_depth(seed, pool_size, strides, padding):
    rng = np.random.default_rng(seed)
    x = values(rng, (1, 2, 3, 7), "integers")
    options = {"pool_size": pool_size, "strides": strides, "padding": padding}
    y = ops.depth_max_pool(x, **options)
    at = placed(rng, y.shape[1:])
    terms = find("depth_max_pool").function(x, at=at, **options).section("What stands")
    dx = ops.depth_max_pool_backward(one_hot(y.shape[1:], at), x, **options)
    numbers = [0 if isinstance(number, str) else number for number in terms.column("receives")]
    assert_scattered(terms.column("channel"), numbers, dx[0])
    winner = terms.column("").index("first largest")
    assert terms.column("value")[winner] == y[0][at]


@given(st.integers(0, 2**32 - 1), st.integers(0, 5), st.sampled_from([0.5, 0.75, 1.0]))
def test_a_local_response(seed, radius, beta):
    rng = np.random.default_rng(seed)
    x, options = values(rng, (1, 2, 3, 5), "integers"), {"depth_radius": radius, "bias": 2.0, "beta": beta}
    at = placed(rng, x.shape[1:])
    found = find("local_response_normalization").function(x, at=at, **options)
    dx = ops.local_response_normalization_backward(one_hot(x.shape[1:], at), x, **options)[0][at[:2]]
    receives = np.zeros(5)
    terms = found.section("What stands")
    for name, number in zip(terms.column("channel"), terms.column("receives"), strict=True):
        receives[int(name.rstrip("]").rpartition(", ")[2])] = number
    np.testing.assert_allclose(receives, dx, rtol=1e-12, atol=1e-15)
    assert found.panels[0][0].cells("window") == {
        (0, c) for c in np.flatnonzero(np.abs(np.arange(5) - at[2]) <= radius)
    }


@pytest.mark.parametrize("seed", range(5))
def test_batch_normalization(seed):
    found = explain("batch_normalization", (3, 4, 2), seed=seed, epsilon=0.25)
    steps = dict(
        zip(found.section("What stands").column(""), found.section("What stands").column("value"), strict=True)
    )
    assert steps["y[1, 1, 0]"] == found.value
    ways = found.section("What x[1, 1, 0] receives")
    printed = float(ways.results[0].rpartition("= ")[2])
    assert sum(ways.column("value")) / steps["deviation"] == pytest.approx(printed, rel=1e-5)


def test_the_skip_and_the_way_through_add_up():
    found = explain("residual_unit", (5, 7, 3), strides=2, filters=4)
    ways, skip = found.section("What stands"), found.section("The skip")
    total = ways.rows[-1][2] + skip.rows[-1][2]
    assert found.value == max(total, 0)
    assert found.output_shape == (3, 4, 4)
    assert [row[1] for row in skip.rows] == ["Conv2D", "BatchNormalization"]


@given(st.integers(0, 2**32 - 1), st.sampled_from(["xyxy", "yxyx"]))
def test_the_overlap_of_two_boxes(seed, layout):
    boxes = np.random.default_rng(seed).integers(0, 9, (2, 4)).astype(float)
    found = find("iou").function(boxes, format=layout)
    value = iou(boxes[:1], boxes[1:], format=layout)[0, 0]
    steps = found.section("What stands").column("value")
    assert found.value == steps[-1] == value
    assert steps[4] >= 0
    assert value == (steps[2] / steps[5] if steps[5] else 0)
    gradients = iou_backward([[1.0]], boxes[:1], boxes[1:], format=layout)
    for name, gradient in zip(("box 0 receives", "box 1 receives"), gradients, strict=True):
        assert found.section("The gradient").column(name) == list(gradient[0])


def test_the_steps_of_non_max_suppression_are_those_of_the_op():
    boxes = explain("nms", (9, 4), seed=3).panels[0][0].boxes
    scores = np.linspace(0.1, 0.9, 9)
    found = find("nms").function(boxes, scores, iou_threshold=0.4)
    kept = non_max_suppression(boxes, scores, iou_threshold=0.4)
    steps = [section for section in found.sections if section.title.startswith("Step")]
    assert [int(re.findall(r"box (\d+)", step.title)[0]) for step in steps] == list(kept)
    dropped = [name for step in steps if step.rows for name in step.column("drops")]
    assert len(dropped) + len(kept) == 9
    assert dropped
    assert sum(len(step.rows) > 0 for step in steps) < len(steps) or len(steps) == len(kept)


def test_softmax_with_cross_entropy():
    logits = np.array([[3.0, -1.0, 0.5, 2.0]])
    found = find("softmax").function(logits, at=(3,))
    np.testing.assert_allclose(found.section("What stands").column("p"), ops.softmax(logits)[0])
    assert found.value == ops.sparse_categorical_crossentropy([3], logits, from_logits=True)[0]
    receives = found.section("The gradient").column("receives")
    np.testing.assert_allclose(receives, (ops.softmax(logits) - np.eye(4)[3])[0])


def test_weights_of_ones_own_in_a_normalization_and_a_residual_unit(tmp_path):
    """On arrays and photographs, at a place that was asked for, with the numbers of the ops and the layers."""
    rng = np.random.default_rng(0)
    x, gamma, beta = rng.normal(size=(4, 5, 6, 3)), rng.normal(size=3), rng.normal(size=3)
    for name, array in {"x": x, "gamma": gamma, "beta": beta}.items():
        np.save(tmp_path / f"{name}.npy", array)
    given = f"--array {tmp_path}/x.npy --weights {tmp_path}/gamma.npy --weights {tmp_path}/beta.npy"
    found = figures(f"explain batch_normalization {given} --at 2,5,1 --plot {tmp_path}/it.svg")
    assert found["value"] == ops.batch_normalization_train(x, gamma=gamma, beta=beta)[0][0, 2, 5, 1]
    refused(f"explain batch_normalization {given} --weights {tmp_path}/beta.npy", "takes at most 2 arrays as weights")
    inputs = Input((5, 6, 3))
    model = Model(inputs, make_unit(inputs, 3, name="unit"), dtype="float64", seed=5)
    options = []
    for i, weight in enumerate(model.get_weights()):
        np.save(tmp_path / f"{i}.npy", weight * rng.uniform(0.5, 1.5, weight.shape))
        options.append(f"--weights {tmp_path}/{i}.npy")
    model.set_weights([np.load(option.split()[1]) for option in options])
    found = figures(f"explain residual_unit --array {tmp_path}/x.npy --at 2,5,1 {' '.join(options)}")
    assert found["value"] == model.predict(x)[0, 2, 5, 1]
    refused(f"explain residual_unit --array {tmp_path}/x.npy {options[0]}", "the values must be those of weights")


# The command.

EXAMPLE = "explain conv2d --input 5x7x3 --kernel 3x2 --strides 2x1 --padding same --at 1,2,0"


def test_the_command_of_the_issue():
    found = figures(EXAMPLE)
    assert (found["at"], found["output_shape"]) == ([1, 2, 0], [3, 7, 2])
    products = [row["product"] for section in found["sections"] for row in section["table"] if "product" in row]
    assert len(products[:18]) == 18
    text = succeeds(EXAMPLE)
    assert f"y[1, 2, 0] = {found['value']:.0f}" in text
    assert "padding 2, 1 before, 1 after" in text


def test_the_remainder_is_named():
    assert "height: ignored at the end: 4\n" in succeeds("explain max_pool2d --input 5x7x2")
    assert "width: between windows nobody sees: 1, 3" in succeeds("explain conv2d --input 5x5x1 --kernel 1 --strides 2")


@pytest.mark.parametrize("op", EXPLAINED)
def test_everything_on_the_list_is_explained_and_drawn(op, tmp_path):
    assert figures(f"explain {op} --plot {tmp_path}/it.svg")["op"] == op
    assert "<svg" in (tmp_path / "it.svg").read_text()
    assert any(line.startswith(op) for line in succeeds("explain --list").splitlines())


def test_an_animation_has_a_picture_for_each_place(tmp_path):
    from PIL import Image

    succeeds(f"explain max_pool2d --input 4x6x1 --animate {tmp_path}/it.gif")
    with Image.open(tmp_path / "it.gif") as picture:
        assert picture.n_frames == 2 * 3
    shown = frames("max_pool2d", (4, 6, 1), explain("max_pool2d", (4, 6, 1)))
    assert [frame.at for frame in shown] == [(i, j, 0) for i in range(2) for j in range(3)]
    windows = [frozenset(drawn_window(frame.panels[0][0], inside=True)) for frame in shown]
    assert len(frozenset().union(*windows)) == sum(map(len, windows)) == 24


def test_arrays_photographs_and_weights_of_ones_own(tmp_path):
    from PIL import Image

    np.save(tmp_path / "x.npy", np.arange(12.0).reshape(3, 4))
    np.save(tmp_path / "k.npy", np.array([[1.0, -1.0]]).reshape(1, 2, 1, 1))
    assert figures(f"explain conv2d --array {tmp_path}/x.npy --weights {tmp_path}/k.npy")["value"] == -1
    pixels = np.arange(90, dtype=np.uint8).reshape(5, 6, 3)
    Image.fromarray(pixels).save(tmp_path / "p.png")
    found = figures(f"explain max_pool2d --image {tmp_path}/p.png --at 1,2,1")
    assert found["value"] == pixels[3, 5, 1]
    assert figures(f"explain conv2d --image {tmp_path}/p.png --input 3x4x3")["output_shape"] == [1, 3, 2]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("conv2d --at 9,9,9", "at must lie in the output (3, 6, 2), from [0, 0, 0] to [2, 5, 1]"),
        ("conv2d --at 1,2", "at must lie in the output (3, 6, 2)"),
        ("conv2d --at -1,0,0", "--at must be whole numbers with commas between them"),
        ("conv2e", "did you mean conv2d"),
        ("", "explain needs an op"),
        ("conv2d --list", "--list takes no op"),
        ("max_pool2d --filters 3", "explain max_pool2d takes no --filters; it takes --pool-size"),
        ("conv2d --kernel 9", "the kernel must fit the padded height"),
        ("conv2d --input 5x7", "the input of conv2d must have 3 sizes"),
        ("conv2d --input 5x7x3 --array x.npy", "--array and --input exclude each other"),
        ("conv2d --array nowhere.npy", "--array: there is no file nowhere.npy"),
        ("conv2d --array .", "--array: there is no file ."),
        ("conv2d --weights nowhere.npy", "--weights: there is no file nowhere.npy"),
        ("conv2d --plot nowhere/x.png", "--plot: there is no folder nowhere"),
        ("conv2d --weights k.npy --filters 3", "--weights says --filters already"),
        ("iou --at 0", "iou explains all of its result"),
        ("iou --image x.jpg", "--image is for ops that read images"),
        ("iou --animate x.gif", "--animate slides a window, and iou has none"),
        ("conv2d --animate x.mp4", "--animate writes .gif; got x.mp4"),
        ("conv2d --plot x.jpg", "--plot writes .png or .svg; got x.jpg"),
        (
            "conv2d --input 50x70x3 --animate x.gif",
            "at most 256 places of the window; conv2d has 48 * 69 = 3,312 here",
        ),
        ("max_pool2d --weights pyproject.toml", "pyproject.toml: "),
        ("sparse_categorical_crossentropy --at 5", "at must be the true class, from [0] to [4]"),
        ("non_max_suppression --set iou_threshold=2", "iou_threshold"),
    ],
)
def test_what_cannot_be_explained(command, message):
    refused(f"explain {command}", message)


def test_the_text_holds_the_numbers_of_the_json():
    text, found = succeeds("explain avg_pool2d"), json.loads(run("explain avg_pool2d --json").stdout)
    for section in found["sections"]:
        assert section["title"] in text
        assert all(line in text for line in (*section["lines"], *section["results"]))
