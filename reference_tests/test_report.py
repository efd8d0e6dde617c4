"""`numpycnn report`: Grad-CAM against TensorFlow's tape, occlusion by hand, and the page in a browser."""

import base64
import io
import json
import re
import time

import numpy as np
import pytest
from PIL import Image

from numpycnn import count
from numpycnn.data import sample_photographs
from numpycnn.data.photographs import fit
from numpycnn.layers import (
    Activation,
    Add,
    AveragePooling2D,
    BatchNormalization,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Flatten,
    GlobalAveragePooling2D,
    Input,
    MaxPooling2D,
    ReLU,
)
from numpycnn.models import Model, Sequential
from numpycnn.models.nesting import flattened
from numpycnn.report import cam_layer, grad_cam, occlusion_map, report_contents, report_page
from reference_tests.library.browser import CHROMIUM, Browser
from reference_tests.library.command_line import ROOT, refused, succeeds

HEIGHT, WIDTH = 31, 23


def network(end="softmax", *, nested=False, hidden=0, dtype="float32") -> Model:
    """Every kind of window, a skip connection, and a softmax that is part of a layer or a layer of its own."""
    inputs = Input((HEIGHT, WIDTH, 3), name="picture")
    x = Conv2D(6, (3, 2), strides=(2, 1), padding="same", groups=3, activation="relu", name="grouped")(inputs)
    x = MaxPooling2D((2, 3), padding="same", name="largest")(x)
    x = DepthwiseConv2D(3, depth_multiplier=2, name="depthwise")(x)
    skip = AveragePooling2D((1, 2), strides=1, padding="same", name="average")(x)
    x = BatchNormalization(name="normal")(Conv2D(12, (1, 3), padding="same", name="last")(x))
    x = ReLU(name="bent")(Add(name="sum")(x, skip))
    if nested:
        within = Input(x.shape)
        x = Model(within, Conv2D(5, 2, name="inner")(within), name="within")(x)
    x = GlobalAveragePooling2D(name="mean")(x)
    if hidden:
        x = Dense(hidden, activation="relu", name="hidden")(x)
    if end == "layer":
        x = Activation("softmax", name="shares")(Dense(7, name="scores")(x))
    else:
        x = Dense(7, activation=end, name="scores")(x)
    model = Model(inputs, x, name="small", dtype=dtype, seed=3)
    rng = np.random.default_rng(7)
    for variable in model.weights:
        variable.assign(variable.value + rng.uniform(0.0, 0.4, variable.value.shape).astype(dtype))
    return model


@pytest.fixture(scope="module")
def picture():
    fitted = fit(sample_photographs()[:1], (HEIGHT, WIDTH))
    return np.round(fitted[0] * 255).astype(np.uint8), fitted


# Attribution.


@pytest.mark.parametrize("end", ["softmax", "sigmoid", "layer", None])
@pytest.mark.parametrize(("layer", "class_index"), [(None, None), ("depthwise", 4)])
def test_grad_cam_is_that_of_a_tape_of_tensorflow(picture, end, layer, class_index):
    import keras
    import tensorflow as tf

    model = network(end)
    x = np.concatenate([picture[1], picture[1][:, ::-1]])
    theirs = model.to_keras()
    last = theirs.layers[-1] if end != "layer" else theirs.layers[-2]
    if end != "layer":
        last.activation = keras.activations.linear
    maps = theirs.get_layer(layer or "bent").output
    both = keras.Model(theirs.inputs, [maps, last.output if end == "layer" else theirs.outputs[0]])
    if end not in ("layer", None):
        both = keras.Model(theirs.inputs, [maps, last(last.input)])
    with tf.GradientTape() as tape:
        found, logits = both(x, training=False)
        chosen = np.argmax(logits, axis=-1) if class_index is None else np.full(len(x), class_index)
        score = tf.gather(logits, chosen, axis=1, batch_dims=1)
    weights = tf.reduce_mean(tape.gradient(score, found), axis=(1, 2), keepdims=True)
    expected = tf.nn.relu(tf.reduce_sum(weights * found, axis=-1)).numpy()
    ours = grad_cam(model, x, class_index, layer=layer)
    assert ours.shape == expected.shape
    assert expected.max() > 0
    np.testing.assert_allclose(ours, expected, atol=2e-5 * expected.max())


def test_grad_cam_of_a_model_within_a_model(picture):
    model = network(nested=True)
    assert cam_layer(model) == "within.inner"
    np.testing.assert_array_equal(grad_cam(model, picture[1]), grad_cam(flattened(model), picture[1]))


def test_the_last_layer_with_maps_is_taken():
    assert cam_layer(network()) == "bent"
    assert cam_layer(Sequential([Flatten(), Dense(3)], input_shape=(4, 5, 3))) is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"class_index": 7}, "class_index must be from 0 to 6"),
        ({"layer": "nobody"}, "the layer must be one of the model's"),
        ({"layer": "mean"}, "mean gives"),
        ({"layer": "average"}, "some go around average"),
    ],
)
def test_what_grad_cam_refuses(picture, options, message):
    with pytest.raises(ValueError, match=message):
        grad_cam(network(), picture[1], **options)


def test_no_classes_no_map(picture):
    model = Sequential([Conv2D(3, 3)], input_shape=(HEIGHT, WIDTH, 3))
    for attribute in (grad_cam, lambda *given: occlusion_map(*given, patch_size=3)):
        with pytest.raises(ValueError, match="one output \\(classes,\\)"):
            attribute(model, picture[1])


@pytest.mark.parametrize("value", [None, 0.25])
def test_an_occlusion_map_is_the_fall_of_the_score(picture, value):
    model, x = network(dtype="float64"), picture[1].astype(float)
    found = occlusion_map(model, x, 2, patch_size=(7, 5), strides=(7, 4), value=value)
    assert found.shape == (4, 5)
    for i, j in np.ndindex(found.shape):
        covered = x.copy()
        covered[0, i * 7 : i * 7 + 7, j * 4 : j * 4 + 5] = x[0].mean(axis=(0, 1)) if value is None else value
        fall = model.predict(x)[0, 2] - model.predict(covered)[0, 2]
        assert found[i, j] == pytest.approx(fall, rel=1e-9, abs=1e-14)
    assert np.abs(found).max() > 1e-6


# What is on the page.


def numbers(text):
    return np.frombuffer(base64.b64decode(text), "<f4")


def test_the_page_has_what_count_says(picture):
    model = network()
    found, counted = report_contents(model, *picture), count(model)
    for layer, row in zip(found["layers"], counted.layers, strict=True):
        assert (layer["name"], layer["params"], layer["macs"]) == (row.name, row.params, row.macs)
        assert (layer["bytes"], layer["from"]) == (row.output_bytes, row.connected_to)
        assert layer["field"] is None or layer["field"]["size"] == row.receptive_field.size
    scores = model.predict(picture[1])[0]
    assert [row["class"] for row in found["predictions"]] == list(np.argsort(-scores)[:5])


def test_the_sums_on_the_page_are_the_values_of_the_layers(picture):
    """By the same steps as the page's script: pixels behind an output, times weights, plus bias."""
    model = network(hidden=5)
    found, outputs = report_contents(model, *picture), model.activations(picture[1])
    sources, seen = {}, set()
    for layer in found["layers"]:
        own, y = layer.get("working"), outputs[layer["name"]][0]
        if own is None:
            continue
        seen.add(layer["kind"])
        if "values" in own:
            sources[own["source"]] = numbers(own["values"]).reshape(own.get("input", -1))
        x = sources[own["source"]]
        if own["kind"] == "dense":
            total = numbers(own["weights"]).reshape(-1, own["terms"]) @ x + numbers(own["bias"])
            total = np.exp(total) / np.exp(total).sum() if own["activation"] == "softmax" else np.maximum(total, 0)
            np.testing.assert_allclose(total, y, rtol=1e-5)
            continue
        rng = np.random.default_rng(0)
        for i, j, o in rng.integers(0, y.shape, (20, 3)):
            total, real = [], []
            for a, row in enumerate(own["rows"][i]):
                for b, column in enumerate(own["columns"][j]):
                    inside = 0 <= row < x.shape[0] and 0 <= column < x.shape[1]
                    first = own["first"][o] if own["kind"] == "sum" else o
                    values = x[row, column, first : first + own["channels"]] if inside else np.zeros(own["channels"])
                    real += list(values) if inside else []
                    if own["kind"] == "sum":
                        weights = numbers(own["weights"]).reshape(-1, *own["kernel"])
                        total.append(values @ weights[o, a, b])
            if own["kind"] == "sum":
                value = sum(total) + numbers(own["bias"])[o]
                value = max(value, 0) if own["activation"] == "relu" else value
            else:
                value = max(real) if own["kind"] == "max" else np.mean(real)
            assert value == pytest.approx(y[i, j, o], rel=1e-5, abs=1e-5)
    assert seen == {"Conv2D", "DepthwiseConv2D", "MaxPooling2D", "AveragePooling2D", "Dense"}


def test_the_page_needs_nothing_else(picture):
    page = report_page(network(), *picture, labels=["<b>&amp;", *"abcdef"])
    assert set(re.findall(r"https?://[^\s\"']+", page)) == {"http://www.w3.org/2000/svg"}
    assert "<b>&amp;" not in page
    assert "[[" not in re.sub(r"<script.*?</script>", "", page, flags=re.S)
    json.loads(re.search(r'type="application/json">(.*?)</script>', page, re.S)[1])


def test_a_model_without_classes_has_a_page_too(picture):
    model = Sequential([Conv2D(3, 3, padding="same")], input_shape=(HEIGHT, WIDTH, 3))
    found = report_contents(model, *picture)
    assert (found["predictions"], found["attribution"]) == ([], None)


def test_outputs_that_are_no_shares_are_said_to_be_none(picture):
    for end, shares in (("softmax", True), ("sigmoid", True), ("layer", True), (None, False)):
        assert report_contents(network(end), *picture)["shares"] is shares


# The command.


@pytest.fixture(scope="module")
def photograph(tmp_path_factory):
    path = tmp_path_factory.mktemp("picture") / "china.png"
    Image.fromarray(sample_photographs()[0, ::4, ::4]).save(path)
    return path


def test_the_command(photograph, tmp_path):
    assert "written" in succeeds(f"report lenet5 --image {photograph} -o {tmp_path}/a.html --classes 4 --top 2")
    network().save(tmp_path / "small.keras")
    succeeds(f"report {tmp_path}/small.keras --image {photograph} -o {tmp_path}/b.html")
    assert (tmp_path / "a.html").stat().st_size < 2e6 > (tmp_path / "b.html").stat().st_size


def pages_data(path):
    return json.loads(re.search(r'type="application/json">(.*?)</script>', path.read_text(encoding="utf-8"), re.S)[1])


def keras_models():
    """Kinds of models as people save them: one gray sigmoid, logits, within each other, two outputs, maps, any size."""
    import keras
    from keras import layers as own

    yield (
        "sigmoid",
        keras.Sequential(
            [
                keras.Input((28, 26, 1)),
                own.Conv2D(4, 3, activation="relu"),
                own.Flatten(),
                own.Dense(1, activation="sigmoid"),
            ]
        ),
    )
    image = keras.Input((40, 52, 3))
    x = own.SeparableConv2D(5, 3, padding="same", activation="relu")(own.Rescaling(1 / 255.0)(image))
    x = own.BatchNormalization()(own.DepthwiseConv2D(3, strides=2, padding="same")(x))
    yield "logits", keras.Model(image, own.Dense(10)(own.GlobalAveragePooling2D()(own.ReLU()(x))))
    within = keras.Input((32, 30, 3))
    base = keras.Model(within, own.Conv2D(6, 3, activation="relu")(within), name="base")
    image = keras.Input((32, 30, 3))
    x = own.Conv2DTranspose(4, 3, strides=2, padding="same")(own.Dropout(0.2)(base(image)))
    yield "nested", keras.Model(image, own.Dense(3, activation="softmax")(own.GlobalMaxPooling2D()(x)))
    yield "heads", keras.Model(image, [own.Dense(3, activation="softmax")(own.Flatten()(x)), own.Conv2D(2, 1)(x)])
    yield "maps", keras.Model(image, own.Conv2D(2, 1, activation="softmax")(own.UpSampling2D()(x)))
    yield (
        "any_size",
        keras.Sequential(
            [
                keras.Input((None, None, 3)),
                own.Conv2D(4, 3, activation="elu"),
                own.GlobalAveragePooling2D(),
                own.Dense(2),
            ]
        ),
    )


def test_models_that_keras_saved(photograph, tmp_path):
    for name, model in keras_models():
        model.save(tmp_path / f"{name}.keras")
        succeeds(f"report {tmp_path}/{name}.keras --image {photograph} -o {tmp_path}/{name}.html")
        found = pages_data(tmp_path / f"{name}.html")
        assert len(found["predictions"]) == {"sigmoid": 1, "logits": 5, "nested": 3, "any_size": 2}.get(name, 0)
        assert found["shares"] is (name in ("sigmoid", "nested", "heads", "maps"))
        if name == "sigmoid":  # the picture is shown as the network gets it
            url = found["picture"]["url"].partition(",")[2]
            pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(url)))).astype(int)
            assert np.ptp(pixels, axis=-1).max() <= 2 < np.ptp(pixels)


def test_a_model_with_two_inputs_is_refused_in_plain_words(photograph, tmp_path):
    image, more = Input((9, 7, 3)), Input((5,))
    Model([image, more], [Flatten()(image), Dense(2)(more)]).save(tmp_path / "two.keras")
    message = (
        "needs a model with one input (height, width, channels), of 1 or 3 channels, for the picture; this one has 2"
    )
    refused(f"report {tmp_path}/two.keras --image {photograph} -o {tmp_path}/a.html", message)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("lenet5 --image nowhere.png -o {}/a.html", "there is no file nowhere.png"),
        ("lenet5 --image {}/p.png -o {}/a.pdf", "--out writes .html; got a.pdf"),
        ("lenet5 --image {}/p.png -o {}/no/a.html", "--out: there is no folder"),
        ("lenet6 --image {}/p.png -o {}/a.html", "did you mean lenet5"),
        ("lenet5 --image {}/p.png -o {}/a.html --preprocessing x", "mode must be one of"),
        ("lenet5 --image {}/p.png -o {}/a.html --labels {}/l.txt", "must name each of 10 classes"),
    ],
)
def test_what_cannot_be_reported(command, message, photograph, tmp_path):
    (tmp_path / "p.png").write_bytes(photograph.read_bytes())
    (tmp_path / "l.txt").write_text("one\n")
    refused("report " + command.replace("{}", str(tmp_path)), message)
    assert not list(tmp_path.glob("*.html"))


@pytest.mark.slow
def test_a_large_network_on_a_whole_photograph(tmp_path):
    """ResNet-34 on 427x640 pixels: within 30 seconds of work and 15 MB."""
    Image.fromarray(sample_photographs()[0]).save(tmp_path / "china.png")
    start = time.process_time()
    succeeds(f"report resnet34 --input 427x640x3 --image {tmp_path}/china.png -o {tmp_path}/a.html")
    assert time.process_time() - start < 30
    assert (tmp_path / "a.html").stat().st_size < 15e6


def test_the_page_of_the_docs_quotes_what_was_measured():
    measured = json.loads((ROOT / "docs" / "measured" / "report-2026-11-25.json").read_text())
    text = " ".join((ROOT / "docs" / "report.md").read_text(encoding="utf-8").split())
    assert f"took {measured['elapsed_seconds']} seconds on two cores" in text
    assert f"{measured['bytes'] / 1e6:.1f} MB" in text


# In a browser.


@pytest.fixture(scope="module")
def page(tmp_path_factory, picture):
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(report_page(network(), *picture), encoding="utf-8")
    return path


@pytest.fixture
def browser(tmp_path):
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed")
    with Browser(tmp_path / "profile") as opened:
        yield opened


CHOSEN = "document.querySelector('figure.chosen')"
FIELD = "(r => r && ['x', 'y', 'width', 'height'].map(n => +r.getAttribute(n)))(document.querySelector('rect.field'))"


def shown(browser, page, layer):
    """The page at a layer, by a click on its row."""
    browser.open(page)
    browser.wait(CHOSEN)
    names = [row.name for row in count(network()).layers]
    browser.click(f"#layer-{names.index(layer)}")
    browser.wait(f"document.querySelector('#layer-title').textContent.startsWith('{layer} ')")


def test_it_loads_without_an_error_and_asks_for_nothing(browser, page):
    browser.open(page)
    browser.wait(CHOSEN)
    assert browser.errors == []
    assert [request for request in browser.requests if not request.startswith("data:")] == [page.as_uri()[:80]]
    assert browser.run("document.querySelectorAll('#layers button').length") == len(count(network()).layers)


@pytest.mark.parametrize("layer", ["grouped", "largest", "depthwise", "bent"])
def test_hovering_marks_the_receptive_field_and_shows_the_sum(browser, page, picture, layer):
    shown(browser, page, layer)
    browser.wait(f"{CHOSEN} && {CHOSEN}.querySelector('canvas').width > 0")
    output = network().activations(picture[1])[layer][0]
    height, width, _ = output.shape
    i, j = height - 2, 1
    browser.hover(".maps figure:nth-child(2) canvas", (j + 0.5) / width, (i + 0.5) / height)
    channel = int(re.findall(r"map (\d+)", browser.run("document.querySelector('figure.chosen').textContent"))[0])
    text = browser.run("document.querySelector('#receptive').textContent")
    assert text.startswith(f"{layer}[{i}, {j}, {channel}] is about")
    field = next(row.receptive_field for row in count(network()).layers if row.name == layer)
    top, left = (int(k * s) - p for k, s, p in zip((i, j), field.stride, field.padding, strict=True))
    low = max(top, 0), max(left, 0)
    high = min(top + field.size[0], HEIGHT), min(left + field.size[1], WIDTH)
    assert browser.run(FIELD) == [low[1], low[0], high[1] - low[1], high[0] - low[0]]
    sums = browser.run("(p => p && +p.dataset.sum)(document.querySelector('#working .sum'))")
    if layer == "bent":
        assert sums is None
    else:
        assert max(sums, 0) == pytest.approx(max(output[i, j, channel], 0), rel=1e-4, abs=1e-5)
    assert browser.errors == []


def test_choosing_a_value_of_a_dense_layer_shows_its_sum(browser, page, picture):
    """By the mouse and by keyboard: the logit, which softmax then makes a share of."""
    shown(browser, page, "scores")
    model = network()
    outputs = model.activations(picture[1])
    logits = outputs["mean"] @ model.variables["scores/kernel"].value + model.variables["scores/bias"].value
    for k in (0, 3, 4):
        if k == 3:
            browser.hover("#value-3")
        if k == 4:
            browser.run("document.querySelector('#value-3').focus()")
            browser.press("Tab")
        text = browser.run("document.querySelector('#working .sum').textContent")
        assert text.startswith(f"scores[{k}] = ")
        assert text.endswith(", then softmax")
        total = float(browser.run("document.querySelector('#working .sum').dataset.sum"))
        assert total == pytest.approx(logits[0, k], rel=1e-5)
    assert browser.run("document.querySelectorAll('button.value[aria-pressed=true]').length") == 1
    assert browser.errors == []


def test_in_print_nothing_is_cut_off(browser, page):
    browser.open(page)
    browser.wait(CHOSEN)
    browser.send("Emulation.setEmulatedMedia", media="print")
    graph = "document.querySelector('#graph')"
    assert browser.run(f"{graph}.scrollHeight <= {graph}.clientHeight")
    assert browser.run("getComputedStyle(document.querySelector('#overlays')).display") == "none"
    printed = browser.send("Page.printToPDF")["data"]
    assert base64.b64decode(printed).startswith(b"%PDF")


def test_it_is_used_by_keyboard(browser, page):
    shown(browser, page, "grouped")
    browser.wait(CHOSEN)
    browser.run("document.querySelector('#layer-0').focus()")
    browser.press("ArrowDown")
    assert browser.run("document.querySelector('#layer-title').textContent") == "largest (MaxPooling2D)"
    browser.wait(CHOSEN)
    browser.run("document.querySelector('.maps figure').focus()")
    before = browser.run("document.querySelector('#receptive').textContent")
    for key, (down, right) in {
        "ArrowDown": (1, 0),
        "ArrowRight": (1, 1),
        "ArrowUp": (0, 1),
        "ArrowLeft": (0, 0),
    }.items():
        browser.press(key)
        i, j = map(int, re.findall(r"\[(\d+), (\d+)", before)[0])
        text = browser.run("document.querySelector('#receptive').textContent")
        assert text.startswith(f"largest[{i + down}, {j + right}, ")


def test_what_is_laid_over_the_picture(browser, page):
    browser.open(page)
    browser.wait(CHOSEN)
    painted = (
        "document.querySelector('#picture canvas').getContext('2d').getImageData(0, 0, 23, 31).data.some(v => v > 0)"
    )
    assert not browser.run(painted)
    for kind, words in (("cam", "Grad-CAM of class"), ("occlusion", "Occlusion map of class")):
        browser.click(f"#overlay-{kind}")
        browser.wait(painted)
        assert browser.run("document.querySelector('#overlay-note').textContent").startswith(words)
    browser.click("#overlay-none")
    assert not browser.run(painted)
    assert browser.errors == []


@pytest.mark.parametrize("dark", [False, True])
def test_it_fits_a_phone_in_light_and_dark(tmp_path, page, dark):
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed")
    with Browser(tmp_path / "profile", width=360, height=740, dark=dark, phone=True) as opened:
        opened.open(page)
        opened.wait(CHOSEN)
        assert opened.run("document.documentElement.scrollWidth") <= 360
        colour = opened.run("getComputedStyle(document.body).backgroundColor")
        assert sum(map(int, re.findall(r"\d+", colour))) < 150 if dark else colour == "rgb(255, 255, 255)"
        assert opened.errors == []
