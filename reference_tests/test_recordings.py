"""verify against recorded arrays and other models: mistakes are named, layouts and names found, bad files refused."""

import json
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import numpycnn
from numpycnn import ops, training
from numpycnn.layers import BatchNormalization, Conv2D, Dense, Flatten, Input, MaxPooling2D, ReLU
from numpycnn.models import Sequential
from numpycnn.verification import html_page, read_names, read_recording
from numpycnn.verification.patterns import pattern
from reference_tests.library.command_line import refused, run

EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"
MODEL = EXAMPLES / "small_network.py"
IMAGES = np.random.default_rng(0).random((2, 12, 10, 3), np.float32)


def recorded(**settings):
    """What the example's loops record, with its mistakes or without."""
    sys.path.insert(0, str(EXAMPLES))
    return runpy.run_path(str(EXAMPLES / "recorded_elsewhere.py"))["run"](IMAGES, **settings)


RIGHT = {"flipped": False, "centred": False, "epsilon": 1e-3}


@pytest.fixture(scope="module")
def model():
    return runpy.run_path(str(MODEL))["model"]


@pytest.fixture(scope="module")
def right():
    return recorded(**RIGHT)


@pytest.fixture(scope="module")
def wrong():
    return recorded()


@pytest.fixture
def network():
    """Fewer kinds, every size of every map unlike the others."""
    layers = [Conv2D(5, 3, name="a"), ReLU(name="b"), MaxPooling2D(2, name="c"), Flatten(name="d"), Dense(3, name="e")]
    return Sequential([Input((13, 11, 2)), *layers], name="network")


def activations(model, x, **options):
    return {"input": x, **model.activations(x, **options)}


# What is found.


def test_a_right_recording_holds(model, right):
    report = numpycnn.verify(model, against=right)
    assert report.holds, report.summary
    assert [row.name for row in report.rows] == ["conv1", "norm1", "relu1", "conv2", "relu2", "pool", "classes"]
    assert all(row.steps == 1 and row.chained_theirs < 1e-5 for row in report.rows)
    assert report.notes == ("images were recorded channels first (nchw)",)


def test_three_mistakes_are_three_rows_each_with_its_reason(model, wrong):
    """Those after them only inherit the difference: chained they are far off, isolated they hold."""
    report = numpycnn.verify(model, against=wrong)
    reasons = {
        row.name: [rule.name for rule in row.finding.explanation.reasons[0].rules] for row in report.rows if row.finding
    }
    assert reasons == {"conv1": ["padding at the start"], "norm1": ["epsilon 1e-05"], "conv2": ["flipped kernel"]}
    assert all(row.chained_theirs > 0.1 for row in report.rows)
    assert report.first_difference.name == "conv1"
    assert "because it puts the odd pixel" in report.summary
    finding = report.first_difference.finding
    n, i, j, o = finding.index
    x, kernel = IMAGES[n].astype(float), model.variables["conv1/kernel"].value
    assert finding.ours == pytest.approx(ops.conv2d(x[None], kernel, strides=2, padding="same")[0, i, j, o], rel=1e-5)
    assert finding.theirs == pytest.approx(wrong["conv1"][n, o, i, j], rel=1e-6)
    assert finding.seen.rows == (2 * i, 2 * i + 2)
    assert finding.seen.columns == (2 * j, 2 * j + 2)
    padded = next(row.finding for row in report.rows if row.name == "conv2")
    _, i, j, _ = padded.index
    assert (padded.seen.rows, padded.seen.columns) == ((i - 1, i + 1), (j - 1, j + 1))


@pytest.mark.parametrize(("setting", "value", "name"), [("flipped", True, "conv2"), ("epsilon", 1e-5, "norm1")])
def test_one_mistake_is_one_row(model, setting, value, name):
    report = numpycnn.verify(model, against=recorded(**{**RIGHT, setting: value}))
    assert [row.name for row in report.rows if not row.holds] == [name]


def test_layers_that_were_not_recorded_are_bridged(model, right, wrong):
    kept = ("image", "conv2", "classes")
    report = numpycnn.verify(model, against={name: right[name] for name in kept})
    assert report.holds, report.summary
    assert [(row.name, row.steps) for row in report.rows] == [("conv2", 4), ("classes", 3)]
    report = numpycnn.verify(model, against={**{name: right[name] for name in kept}, "conv2": wrong["conv2"]})
    assert [row.name for row in report.rows if not row.holds] == ["conv2", "classes"]


def test_a_second_model(network):
    x = np.random.default_rng(1).normal(size=(2, 13, 11, 2))
    twin = network.astype("float32")
    assert numpycnn.verify(network, x, against=twin).holds
    twin.variables["a/kernel"].assign(twin.variables["a/kernel"].value[::-1, ::-1])
    report = numpycnn.verify(network, x, against=twin)
    assert [row.name for row in report.rows if not row.holds] == ["a"]
    assert report.first_difference.finding.explanation.reasons[0].rules[0].name == "flipped kernel"


def test_channels_first_flattening_is_named_with_the_rows_behind_it(network):
    x = np.random.default_rng(1).normal(size=(2, 13, 11, 2)).astype(np.float32)
    found = activations(network, x)
    theirs = {k: v.transpose(0, 3, 1, 2) if v.ndim == 4 else v for k, v in found.items()}
    theirs["d"] = theirs["c"].reshape(2, -1)  # and a dense kernel whose rows follow: the same output
    report = numpycnn.verify(network, against=theirs)
    reasons = {row.name: row.finding.explanation.reasons[0].rules[0].name for row in report.rows if row.finding}
    assert reasons == {"d": "flattened channels first", "e": "dense rows channels first"}


def test_gradients_and_a_training_step(network):
    """Recorded from the model itself; a dkernel averaged over the batch, and a statistic the wrong way, are named."""
    layers = [Conv2D(4, (3, 2), name="a"), BatchNormalization(name="n"), Flatten(name="d"), Dense(3, name="e")]
    model = Sequential([Input((7, 6, 2)), *layers])
    x = np.random.default_rng(1).normal(size=(5, 7, 6, 2)).astype(np.float32)
    twin = model.astype("float32")
    dy = np.random.default_rng(2).normal(size=(5, 3)).astype(np.float32)
    theirs = {**activations(twin, x, training=True), "e.grad": dy}
    before = {path: variable.value.copy() for path, variable in twin.variables.items()}
    twin.forward(x, training=True)
    gradients = twin.backward(dy).weights
    theirs |= {f"{path}.grad": gradient for path, gradient in gradients.items()}
    theirs |= {f"{path}.after": before[path] - np.float32(0.1) * g for path, g in gradients.items()}
    theirs |= {f"n/{key}.after": twin.variables[f"n/{key}"].value for key in ("moving_mean", "moving_variance")}
    report = numpycnn.verify(model, against=theirs, training=True, step=0.1)
    assert report.holds, report.summary
    assert report.summary.endswith("in 4 layer outputs, 6 gradients and 8 weights after a training step")
    spoilt = {**theirs, "a/kernel.grad": theirs["a/kernel.grad"] / 5}
    spoilt["n/moving_mean.after"] = 0.01 * before["n/moving_mean"] + 0.99 * theirs["a"].mean(axis=(0, 1, 2))
    report = numpycnn.verify(model, against=spoilt, training=True, step=0.1)
    reasons = {row.quantity: row.finding.explanation.reasons[0].rules[0].name for row in report.rows if row.finding}
    assert reasons == {"gradient of kernel": "gradients averaged", "moving_mean after a step": "momentum"}
    del theirs["e.grad"]
    with pytest.raises(ValueError, match=r"holds gradients, but not where they start: e\.grad"):
        numpycnn.verify(model, against=theirs, training=True)


STEPS = [0.1, training.SGD(momentum=0.9, nesterov=True), training.Adam(), training.AdamW(weight_decay=0.1)]
STEPS += [training.Nadam(learning_rate=0.01), training.RMSprop(momentum=0.5), training.Adam(global_clipnorm=0.1)]


@pytest.mark.parametrize("step", STEPS, ids=str)
def test_a_step_beside_tensorflow(model, step):
    report = numpycnn.verify(model, IMAGES, step=step)
    assert report.holds, report.summary
    after = [row for row in report.rows if row.quantity.endswith("after a step")]
    assert len(after) == len(model.variables)


@pytest.mark.parametrize(
    "wrong",
    [training.Adam(epsilon=1e-3), training.Adam(beta_2=0.9), training.Adam(learning_rate=1.01e-3), training.RMSprop()],
    ids=str,
)
def test_a_step_of_another_optimizer_differs(model, wrong):
    """Recorded from NumPy's own gradients; Adam with its defaults is what should have been."""
    x, dy = IMAGES, np.random.default_rng(2).normal(size=(len(IMAGES), *model.outputs[0].shape)).astype(np.float32)
    twin = model.astype("float32")
    before = {path: variable.value.copy() for path, variable in twin.variables.items()}
    theirs = {"input": x}
    last = twin.node_names[twin.nodes[-1]]
    y = twin.forward(x, training=True)
    theirs |= {last: y, f"{last}.grad": dy}
    gradients = twin.backward(dy).weights
    theirs |= {f"{path}.grad": g for path, g in gradients.items()}
    for optimizer, holds in ((training.Adam(), True), (wrong, False)):
        weights = [before[path] for path in gradients]
        stepped = optimizer.update(weights, list(gradients.values()), optimizer.initial_state(weights)).weights
        after = {f"{path}.after": w for path, w in zip(gradients, stepped, strict=True)}
        report = numpycnn.verify(model, against={**theirs, **after}, training=True, step=training.Adam())
        assert report.holds is holds, report.summary


# Who is whose.


def test_names_need_not_agree(network, tmp_path):
    x = np.random.default_rng(1).normal(size=(2, 13, 11, 2)).astype(np.float32)
    found = activations(network, x)
    ordered = dict(zip(["input", *"vwxyz"], found.values(), strict=True))
    report = numpycnn.verify(network, against=ordered)
    assert report.holds
    assert "matched by order and shape, not by name: v = a" in report.notes[0]
    shuffled = {name: ordered[name] for name in ("z", "w", "input", "y", "v", "x")}
    names = {"v": "a", "w": "b", "x": "c", "y": "d", "z": "e"}
    assert len(numpycnn.verify(network, against=shuffled, names=names).rows) == 5
    (tmp_path / "names.csv").write_text("theirs,ours\nv,a\nw, b\n\n")
    assert read_names(tmp_path / "names.csv") == {"v": "a", "w": "b"}
    (tmp_path / "names.csv").write_text("v,a,b\n")
    with pytest.raises(ValueError, match="each line must be their name, a comma and our name; got 'v,a,b'"):
        read_names(tmp_path / "names.csv")
    with pytest.raises(ValueError, match="the names file names 'f', which the model does not have"):
        numpycnn.verify(network, against=shuffled, names={"v": "f"})


def test_a_shape_that_does_not_fit_is_a_difference(network):
    x = np.random.default_rng(1).normal(size=(2, 13, 11, 2)).astype(np.float32)
    found = activations(network, x)
    found["a"] = ops.conv2d(x, *(network.variables[f"a/{key}"].value for key in ("kernel", "bias")), padding="same")
    report = numpycnn.verify(network, against=found)
    row = report.first_difference
    assert (row.name, row.shape, row.theirs) == ("a", (2, 13, 11, 5), np.inf)
    assert "their shape (2, 13, 11, 5) is not (2, 11, 9, 5)" in row.finding.lines[0]
    assert row.finding.explanation.reasons[0].rules[0].name == "same instead of valid"
    assert json.loads(report.to_json())["rows"][0]["theirs"] is None


def test_layouts(right, model):
    assert numpycnn.verify(model, against=right, layout="nchw").holds
    last = {name: y.transpose(0, 2, 3, 1) if y.ndim == 4 else y for name, y in right.items()}
    assert numpycnn.verify(model, against=last).holds
    with pytest.raises(ValueError, match="layout must be nhwc or nchw"):
        numpycnn.verify(model, against=right, layout="hwc")
    cube = Sequential([Input((3, 3, 3)), Conv2D(3, 1, name="a")])
    x = np.random.default_rng(0).normal(size=(2, 3, 3, 3)).astype(np.float32)
    with pytest.raises(ValueError, match="the shapes fit both layouts"):
        numpycnn.verify(cube, against=activations(cube, x))
    assert numpycnn.verify(cube, against=activations(cube, x), layout="nhwc").holds


def test_recorded_weights_are_taken_over_and_the_model_is_left_alone(network):
    x = np.random.default_rng(1).normal(size=(2, 13, 11, 2)).astype(np.float32)
    twin = network.astype("float32")
    twin.initialize(7)
    before = network.variables["a/kernel"].value.copy()
    weights = {path: variable.value for path, variable in twin.variables.items()}
    weights["a/kernel"] = weights["a/kernel"].transpose(3, 2, 0, 1)
    assert numpycnn.verify(network, against={**activations(twin, x), **weights}).holds
    assert not numpycnn.verify(network, against=activations(twin, x)).holds
    np.testing.assert_array_equal(network.variables["a/kernel"].value, before)


def test_square_weights_tell_by_their_layer_that_they_are_out_first():
    """A (6, 6) kernel fits both ways; one that is laid as ours stays, and so does one of a layer that is wrong."""
    layers = [Dense(6, activation="relu", name="a"), Dense(6, name="b"), Dense(6, name="c")]
    other, model = (Sequential([Input((6,)), *layers]) for _ in range(2))
    x = np.random.default_rng(3).normal(size=(4, 6)).astype(np.float32)
    theirs = activations(other, x) | {path: value.copy() for path, value in other.values().items()}
    theirs |= {"a/kernel": theirs["a/kernel"].T, "c/kernel": theirs["c/kernel"][::-1]}
    report = numpycnn.verify(model, against=theirs)
    assert [row.name for row in report.rows if row.verdict == "differs"] == ["c"]
    assert any(note.endswith("outputs tell: a/kernel") for note in report.notes)


def test_what_cannot_be_compared_is_refused(network):
    with pytest.raises(ValueError, match="no recorded array fits a layer by name or shape"):
        numpycnn.verify(network, against={"q": np.zeros(3)})
    with pytest.raises(ValueError, match="must hold the model's input"):
        numpycnn.verify(network, against={"a": np.zeros((2, 11, 9, 5), np.float32)}, layout="nhwc")


# Files.


def test_the_forms_of_a_recording(tmp_path, right):
    np.savez(tmp_path / "all.npz", **right)
    folder = tmp_path / "folder"
    folder.mkdir()
    for place, (name, y) in enumerate(right.items()):
        np.save(folder / f"{place}_{name}.npy", y)
    raw = tmp_path / "raw"
    raw.mkdir()
    shapes = {}
    for place, (name, y) in enumerate(right.items()):
        if place % 2:
            y.tofile(raw / f"{name}.{'x'.join(map(str, y.shape))}.float32.bin")
        else:
            y.tofile(raw / f"{name}.bin")
            shapes[name] = list(y.shape) if place % 4 else {"shape": list(y.shape), "dtype": "float32"}
    (raw / "shapes.json").write_text(json.dumps(shapes))
    assert list(read_recording(tmp_path / "all.npz")) == list(right)
    assert list(read_recording(folder)) == [f"{place}_{name}" for place, name in enumerate(right)]
    found = read_recording(raw)
    assert found.keys() == right.keys()
    for name, y in right.items():
        np.testing.assert_array_equal(found[name], y)


def refuses(path, words):
    with pytest.raises(ValueError, match=words):
        read_recording(path)


def test_bad_files_are_refused(tmp_path):
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    refuses(tmp_path / "objects.npy", "objects.npy.*allow_pickle")
    np.save(tmp_path / "text.npy", np.array(["a"]))
    refuses(tmp_path / "text.npy", "text must hold numbers")
    (tmp_path / "cut.npz").write_bytes(b"PK\x03\x04nothing")
    refuses(tmp_path / "cut.npz", "cut.npz")
    (tmp_path / "a.2x3.float32.bin").write_bytes(b"1234")
    refuses(tmp_path / "a.2x3.float32.bin", r"shape \(2, 3\) of float32 is 24 bytes; it has 4")
    (tmp_path / "b.bin").write_bytes(b"1234")
    refuses(tmp_path / "b.bin", "its shape must be in its name")
    (tmp_path / "c.2.float99.bin").write_bytes(b"1234")
    refuses(tmp_path / "c.2.float99.bin", "float99")
    (tmp_path / "empty").mkdir()
    refuses(tmp_path / "empty", "there is no .npz, .npy or .bin file here")


# Patterns.


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda y: y * 1.5, "every value; theirs are 1.5 times ours"),
        (lambda y: y + 2, "theirs are ours + 2"),
        (lambda y: y[..., ::-1], "channels in reverse"),
        (lambda y: np.roll(y, (1, -1), axis=(1, 2)), "shifted by 1 rows and -1 columns"),
        (lambda y: y[:, ::-1], "upside down"),
        (lambda y: at(y, (slice(None), 0)), "all in the first row"),
        (lambda y: at(at(y, (0, slice(None), -1)), (0, -1)), "all in the last row or the last column, example 0"),
        (lambda y: at(y, (..., 2)), "all in channel 2"),
        (lambda y: at(y, (1, 3, 3, 1)), "1 of 420 values, all in channel 1, example 1"),
        (lambda y: y.copy(), "no value differs"),
    ],
)
def test_patterns(change, words):
    y = np.random.default_rng(0).normal(size=(2, 7, 6, 5))
    assert words in pattern(y, change(y), np.full(y.shape, 1e-9))


def at(y, index):
    y = y.copy()
    y[index] += 1
    return y


def test_rows_and_columns_exchanged():
    y = np.random.default_rng(0).normal(size=(2, 6, 6, 5))
    assert "rows and columns exchanged" in pattern(y, y.swapaxes(1, 2), np.full(y.shape, 1e-9))


# The command.


def test_the_command(tmp_path, wrong):
    np.savez(tmp_path / "theirs.npz", **wrong)
    page, folder = tmp_path / "page.html", tmp_path / "first"
    result = run(f"verify {MODEL}:model --dump {tmp_path}/theirs.npz --html {page} --reproduce {folder}")
    assert result.exit_code == 1, result.output
    assert "reason: the other side flips the kernel, as np.convolve does (row 18 of the traps)" in result.stdout
    assert result.stdout.splitlines()[-1].startswith("differs: output of conv1 (Conv2D) is the first")
    text = page.read_text()
    assert "<svg" in text
    assert "flips the kernel" in text
    assert not any(word in text for word in ("http:", "https:", "<script", "src=", "@import", "url("))
    script = folder / "first_difference.py"
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, cwd=EXAMPLES.parents[1])
    assert done.returncode == 0, done.stderr
    assert len([line for line in script.read_text().splitlines() if line and not line.startswith('"""')]) <= 12
    largest = float(done.stdout.split()[-1])
    reference = ops.conv2d(
        IMAGES.astype(float),
        runpy.run_path(str(MODEL))["model"].variables["conv1/kernel"].value,
        strides=2,
        padding="same",
    )
    assert largest == pytest.approx(np.abs(reference.transpose(0, 3, 1, 2) - wrong["conv1"]).max(), rel=1e-5)
    told = json.loads(run(f"verify {MODEL}:model --dump {tmp_path}/theirs.npz --json").stdout)
    assert [row["verdict"] for row in told["rows"]].count("differs") == 3


def test_two_models_by_command():
    result = run(f"verify {MODEL}:model --model {MODEL}:model")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[-1] == "holds: small_network in NumPy equals small_network in 7 layer outputs"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("--dump nothing.npz", "--dump: there is no nothing.npz"),
        ("--dump {file} --model lenet5", "exclude each other"),
        ("--against theano", "--against must be tensorflow"),
        ("--dump {file} --layout chw", "layout must be nhwc or nchw"),
        ("--model resnet43", "did you mean resnet34"),
        ("--dump {here}", "no recorded array fits"),
    ],
)
def test_unusable_input(tmp_path, right, arguments, words):
    np.savez(tmp_path / "right.npz", **right)
    (tmp_path / "here").mkdir()
    np.save(tmp_path / "here" / "q.npy", np.zeros(3))
    refused(f"verify {MODEL}:model " + arguments.format(file=tmp_path / "right.npz", here=tmp_path / "here"), words)


def test_names_are_escaped_in_the_page(network):
    x = np.random.default_rng(1).normal(size=(2, 13, 11, 2)).astype(np.float32)
    report = numpycnn.verify(network, x, against=network)
    assert "<b>" not in html_page(type(report)("<b>", "<b>", report.rows, ("<b>",)))


@pytest.mark.parametrize("suffix", [".npz", ".npy"])
def test_what_is_no_file_of_numpy_is_refused_by_its_first_bytes(tmp_path, suffix):
    (tmp_path / f"junk{suffix}").write_bytes(b"junk")
    with pytest.raises(ValueError, match=f"a {suffix} file must begin with"):
        read_recording(tmp_path / f"junk{suffix}")
