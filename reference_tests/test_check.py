"""check: right functions hold, in both layouts; wrong ones give the smallest case, a snippet that runs, a reason."""

import json
import re
import sys

import numpy as np
import pytest

import numpycnn
from numpycnn import ops
from numpycnn.ops.windows import sliding_window
from numpycnn.testing import OPS
from numpycnn.verification.calls import op_function
from reference_tests.library.command_line import refused, run

NAMES = [op.name + end for op in OPS for end in ("", "_backward")[: 1 + op.gradients]]


@pytest.mark.parametrize("name", NAMES)
def test_every_op_is_right_beside_itself(name):
    report = numpycnn.check(op_function(name), name, examples=8)
    assert report.holds, report.summary
    assert report.left_out == ()
    assert report.summary.startswith(f"holds: {name} equals {name} in ")


# Functions that somebody might have written, channels first.


def nchw(y):
    return y.transpose(0, 3, 1, 2)


def nhwc(x):
    return x.transpose(0, 2, 3, 1)


def torch_conv2d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    kernel = weight.transpose(2, 3, 1, 0)
    return nchw(
        ops.conv2d(nhwc(x), kernel, bias, strides=stride, padding=padding, dilation_rate=dilation, groups=groups)
    )


def torch_depthwise(x, weight, bias=None, stride=1, padding=0):
    channels = x.shape[1]
    return torch_conv2d(x, weight, bias, stride, padding, groups=channels)


def torch_separable(x, depthwise, pointwise, bias=None, strides=1, padding="valid"):
    return torch_conv2d(torch_depthwise(x, depthwise, None, strides, padding), pointwise, bias)


def torch_transposed(x, weight, bias=None, stride=1, padding=0, output_padding=0, dilation=1, groups=1):
    options = {"strides": stride, "padding": padding, "output_padding": output_padding, "dilation_rate": dilation}
    return nchw(ops.conv2d_transpose(nhwc(x), weight.transpose(2, 3, 1, 0), bias, **options, groups=groups))


def torch_max_pool(x, kernel_size, stride=None, padding=0):
    return nchw(ops.max_pool2d(nhwc(x), kernel_size, strides=stride, padding=padding))


def torch_concatenate(tensors, dim):
    return np.concatenate(tensors, axis=dim)


def torch_conv2d_backward(dy, x, weight, stride=1, padding=0, dilation=1, groups=1):
    options = {"strides": stride, "padding": padding, "dilation_rate": dilation, "groups": groups}
    dx, dkernel, dbias = ops.conv2d_backward(nhwc(dy), nhwc(x), weight.transpose(2, 3, 1, 0), **options)
    return nchw(dx), dkernel.transpose(3, 2, 0, 1), dbias


@pytest.mark.parametrize(
    ("function", "op"),
    [
        (torch_conv2d, "conv2d"),
        (torch_depthwise, "depthwise_conv2d"),
        (torch_separable, "separable_conv2d"),
        (torch_transposed, "conv2d_transpose"),
        (torch_max_pool, "max_pool2d"),
        (torch_concatenate, "concatenate"),
        (torch_conv2d_backward, "conv2d_backward"),
    ],
)
def test_channels_first(function, op):
    report = numpycnn.check(function, op, layout="nchw", examples=60)
    assert report.holds, "\n".join([*report.lines, report.summary])
    assert report.examples > 10
    assert not numpycnn.check(function, op, examples=60).holds or op == "concatenate"


# Mistakes.


def uneven(x, kernel, bias=None, strides=1, padding="valid"):
    """The odd pixel of padding at the start."""
    if padding == "same":
        window = sliding_window("uneven", x.shape[1:3], kernel.shape[:2], strides=strides, padding="same")
        padding = tuple((axis.after, axis.before) for axis in window)
    return ops.conv2d(x, kernel, bias, strides=strides, padding=padding)


def flipped(x, kernel, bias=None, **options):
    return ops.conv2d(x, kernel[::-1, ::-1], bias, **options)


def flipped_gradient(dy, x, kernel, **options):
    dx, dkernel, dbias = ops.conv2d_backward(dy, x, kernel, **options)
    return dx, dkernel[::-1, ::-1], dbias


def other_epsilon(x, mean, var, gamma=None, beta=None, eps=1e-3):
    return ops.batch_normalization(x, mean, var, gamma=gamma, beta=beta, epsilon=1e-5)


def counts_padding(x, pool_size, *, strides, padding):
    return ops.avg_pool2d(x, pool_size, strides=strides, padding=padding, count_include_pad=True)


def fifth(x):
    return (0.2 * x + 0.5).clip(0, 1).astype(x.dtype)


def unlike_softmax(x, axis=-1):
    return ops.softmax(x, axis=1) if x.ndim > 2 else ops.softmax(x, axis=axis)


WRONG = [
    (uneven, "conv2d", "padding at the start", 2),
    (flipped, "conv2d", "flipped kernel", 18),
    (flipped_gradient, "conv2d_backward", "flipped kernel", 18),
    (other_epsilon, "batch_normalization", "epsilon 1e-05", 22),
    (counts_padding, "avg_pool2d", "count_include_pad", 6),
    (fifth, "hard_sigmoid", "hard_sigmoid 0.2", 32),
]


@pytest.mark.parametrize(("function", "op", "rule", "row"), WRONG, ids=[wrong[2] for wrong in WRONG])
def test_the_reason_is_named_and_the_snippet_runs(function, op, rule, row):
    """Pasted, the snippet makes the numbers that stand in its comments, and they differ."""
    report = numpycnn.check(function, op)
    assert not report.holds
    assert report.failure.kind == "values"
    (reason,) = report.failure.explanation.reasons
    assert [one.name for one in reason.rules] == [rule]
    assert row in reason.rules[0].rows
    assert reason.rules[0].where in report.summary
    json.loads(report.to_json())
    lines = report.snippet.split("\n")
    names: dict = {}
    for line in lines:
        if re.match(r"(import|from|\w+ = )", line):
            exec(line, names)
    theirs, ours = (eval(line, names) for line in lines if re.match(r"(ops\.)?\w+\(", line))
    shown = [line for line in lines if re.match(r"# d?\w+: float32", line)]
    results = [*(theirs if isinstance(theirs, tuple) else [theirs]), *(ours if isinstance(ours, tuple) else [ours])]
    assert len(shown) == len(results)
    for line, result in zip(shown, results, strict=True):
        numbers = line.split("[", 1)[1].rstrip("]")
        if "..." not in numbers:
            np.testing.assert_allclose([float(n) for n in numbers.split(",")], np.ravel(result), rtol=1e-5, atol=1e-6)
    assert any(
        not np.allclose(a, b, rtol=1e-5, atol=1e-6)
        for a, b in zip(results[: len(results) // 2], results[len(results) // 2 :], strict=True)
    )


def test_the_smallest_case_is_small():
    report = numpycnn.check(uneven, "conv2d")
    x, kernel = (report.failure.call.arrays[name] for name in ("x", "kernel"))
    assert x.shape[0] == 1
    assert x.size <= 60
    assert kernel.size <= 24
    assert report.failure.call.options["strides"] == (1, 1)
    assert set(np.unique(x)) <= set(range(-4, 5))  # whole numbers are easier to read


def test_one_input_where_another_could_be_meant():
    """With a kernel of 3 and stride 2 several paddings agree; among all drawn cases one explanation is left."""

    def torch_like(x, kernel, bias=None, strides=1, padding="valid"):
        if padding == "same":
            padding = tuple(((k - 1) // 2,) * 2 for k in kernel.shape[:2])
        return ops.conv2d(x, kernel, bias, strides=strides, padding=padding)

    report = numpycnn.check(torch_like, "conv2d", examples=300)
    assert [r.rules[0].name for r in report.failure.explanation.reasons] == ["padding on both sides"]


# What a function takes, and how it fails.


def test_options_without_a_parameter_are_left_out_and_said():
    def plain(x, kernel):
        return ops.conv2d(x, kernel)

    report = numpycnn.check(plain, "conv2d", examples=40)
    assert report.holds
    assert report.bound.left_out == ("strides", "padding", "dilation_rate", "groups", "bias")
    assert "bias" in report.lines[-1]
    assert "padding (no parameter)" in report.lines[-1]


def test_forms_that_are_refused_are_left_out_and_said():
    def words_only(x, kernel, bias=None, *, strides=1, padding="valid", groups=1):
        if not isinstance(padding, str):
            raise NotImplementedError("padding is a word here")
        if strides != int(strides):  # TypeError for a pair
            raise ValueError
        return ops.conv2d(x, kernel, bias, strides=strides, padding=padding, groups=groups)

    report = numpycnn.check(words_only, "conv2d")
    assert report.holds, "\n".join([*report.lines, report.summary])
    assert report.examples > 50
    said = " ".join(report.left_out)
    assert "padding (" in said
    assert "two pairs" in said
    assert "one integer" in said
    assert "strides (two integers)" in said
    assert "dilation_rate (no parameter)" in said


def test_a_form_that_is_taken_is_really_tried():
    """Strides as one integer only, wrong above 2: the fault must be found although pairs are refused."""

    def limited(x, kernel, bias=None, *, strides=1, padding="valid"):
        return ops.conv2d(x, kernel, bias, strides=min(int(strides), 2), padding=padding)

    report = numpycnn.check(limited, "conv2d")
    assert not report.holds
    assert report.failure.call.options["strides"] > 2


def test_parameters_by_other_names_and_in_another_order():
    def swapped(w, image, b, step):
        return ops.conv2d(image, w, b, strides=step)

    names = {"kernel": "w", "x": "image", "bias": "b", "strides": "step"}
    assert numpycnn.check(swapped, "conv2d", params=names, examples=60).holds
    assert not numpycnn.check(swapped, "conv2d", params={**names, "kernel": "image", "x": "w"}, examples=60).holds
    with pytest.raises(ValueError, match="conv2d has no 'weights'; it has x, kernel"):
        numpycnn.check(swapped, "conv2d", params={"weights": "w"})
    with pytest.raises(ValueError, match="the function has no parameter 'k'; it has w, image, b, step"):
        numpycnn.check(swapped, "conv2d", params={"kernel": "k"})


def boom(x):
    if x.size > 3:
        raise IndexError("too many\nnumbers")
    return ops.relu(x)


@pytest.mark.parametrize(
    ("function", "kind", "message"),
    [
        (boom, "exception IndexError", "raised IndexError: too many numbers"),
        (lambda x: ops.relu(x)[..., None], "shape", "y has shape (1, 1), and must have (1,)"),
        (lambda x: ops.relu(x).astype(np.float64), "dtype", "y is float64; for float32 arguments it must be float32"),
        (lambda x: (ops.relu(x), x), "count", "gave 2 arrays, not 1"),
        (lambda x: "text", "dtype", "y must hold numbers"),
        (lambda x: None, "dtype", "y must hold numbers"),
    ],
)
def test_other_failures_are_reported_as_such(function, kind, message):
    report = numpycnn.check(function, "relu", examples=50)
    assert report.failure.kind == kind
    assert message in report.summary
    assert report.snippet.startswith("import numpy as np")


def test_what_writes_into_its_arguments_is_said_to():
    """It spoils nothing; where anything else is wrong, that is what is told."""

    def greedy(x):
        np.maximum(x, 0, out=x)
        return x

    report = numpycnn.check(greedy, "relu", examples=50)
    assert report.failure.kind == "written"
    assert report.summary == "differs: greedy beside relu: writes into x"
    assert report.failure.call.arrays["x"].min() < 0
    assert report.failure.call.arrays["x"].size <= 2
    assert numpycnn.check(greedy, "relu", examples=50, in_place=True).holds
    assert numpycnn.check(greedy, "elu", examples=50).failure.kind == "values"


def test_an_option_of_one_value():
    def same(x, kernel, bias=None, strides=1):
        return ops.conv2d(x, kernel, bias, strides=strides, padding="same")

    assert numpycnn.check(same, "conv2d", options={"padding": "same"}, examples=60).holds
    assert not numpycnn.check(same, "conv2d", options={"padding": "valid"}, examples=60).holds
    assert "padding=" in numpycnn.check(flipped, "conv2d", options={"padding": "same"}, examples=60).snippet
    with pytest.raises(ValueError, match="conv2d has no option 'format'"):
        numpycnn.check(same, "conv2d", options={"format": "xyxy"})


def test_a_function_that_accepts_nothing_does_not_hold():
    def nothing(x, kernel, bias=None, **options):
        raise TypeError("no")

    report = numpycnn.check(nothing, "conv2d", examples=40)
    assert not report.holds
    assert "raised TypeError: no" in report.summary


def test_other_dtypes():
    def narrow(x):
        return ops.relu(x.astype(np.float32)).astype(x.dtype)

    assert numpycnn.check(narrow, "relu", examples=60).holds
    assert numpycnn.check(
        lambda x: ops.sigmoid(np.float32(x)).astype(x.dtype), "sigmoid", dtype="float16", examples=60
    ).holds
    wrong = numpycnn.check(
        lambda x: ops.sigmoid(np.float32(x)).astype(x.dtype), "sigmoid", dtype="float64", examples=60
    )
    assert wrong.failure.kind == "values"


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (("conv3d",), ValueError, "there is no op 'conv3d' in the catalogue; did you mean conv2d"),
        (("conv2d", "hwcn"), ValueError, "layout must be nhwc or nchw"),
        (("conv2d_backward",), TypeError, "conv2d_backward needs dy, and the function has no parameter left"),
    ],
)
def test_what_cannot_be_checked_is_refused(arguments, error, words):
    op, *layout = arguments
    with pytest.raises(error, match=re.escape(words)):
        numpycnn.check(lambda x: x, op, layout=layout[0] if layout else "nhwc")


def test_without_hypothesis_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "numpycnn.testing", None)
    with pytest.raises(ImportError, match=re.escape('pip install "numpycnn-reference[testing]"')):
        numpycnn.check(fifth, "hard_sigmoid")


# The command.

FILE = """
import numpy as np
from numpycnn import ops

def right(x, weights, stride=1):
    return ops.conv2d(x, weights, strides=stride)

def wrong(x, weights, stride=1):
    return ops.conv2d(x, weights[::-1, ::-1], strides=stride)

number = 3
"""


@pytest.fixture
def file(tmp_path):
    (tmp_path / "mine.py").write_text(FILE)
    return f"{tmp_path}/mine.py"


def test_the_command(file):
    result = run(f"check {file}:right --op conv2d --examples 60")
    assert result.exit_code == 0, result.output
    assert "called with stride for strides" in result.stdout
    assert result.stdout.splitlines()[-1].startswith("holds: right equals conv2d in ")
    result = run(f"check {file}:wrong --op conv2d --params kernel=weights")
    assert result.exit_code == 1
    assert "wrong(x, kernel, stride=" in result.stdout
    assert "flips the kernel" in result.stdout.splitlines()[-1]
    told = json.loads(run(f"check {file}:wrong --op conv2d --json").stdout)
    assert told["holds"] is False
    assert told["failure"]["explanation"]["reasons"][0]["rules"][0]["rows"] == [18]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("FILE:right --op conv9d", "there is no op 'conv9d'"),
        ("FILE:write --op conv2d", "did you mean right"),
        ("FILE:number --op conv2d", "must be a function; got int"),
        ("FILE --op conv2d", "a function is module:function"),
        ("FILE:right --op conv2d --params strides", "--params must be OURS=THEIRS"),
        ("FILE:right --op conv2d --dtype int8", "--dtype must be"),
        ("FILE:right", "--op"),
    ],
)
def test_unusable_input(file, arguments, words):
    refused(f"check {arguments.replace('FILE', file)}", words)
