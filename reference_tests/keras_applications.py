"""Every network of keras.applications, saved by Keras, loaded and run without it.

    python -m reference_tests.keras_applications              # all forty, about an hour on two cores
    python -m reference_tests.keras_applications MobileNetV2 ResNet50
    python -m reference_tests.keras_applications --json measured.json

Each is built by Keras with random weights, batch-norm statistics and biases among them, run on one random image and
saved as a .keras file. A second process, in which tensorflow and keras cannot be imported, loads the file, runs it in
NumPy and counts it. A line holds if the largest difference is at most 1e-4 of the largest output, the highest output is
the same, and parameters and MACs are equal. The networks end in their logits, without the softmax that would level
small differences.
"""

import argparse
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

ROOT = Path(__file__).parents[1]

NAMES = [
    *(f"ConvNeXt{size}" for size in ("Tiny", "Small", "Base", "Large", "XLarge")),
    *("DenseNet121", "DenseNet169", "DenseNet201"),
    *(f"EfficientNetB{number}" for number in range(8)),
    *(f"EfficientNetV2{size}" for size in ("B0", "B1", "B2", "B3", "S", "M", "L")),
    *("InceptionResNetV2", "InceptionV3", "MobileNet", "MobileNetV2", "MobileNetV3Large", "MobileNetV3Small"),
    *("NASNetLarge", "NASNetMobile", "ResNet50", "ResNet50V2", "ResNet101", "ResNet101V2", "ResNet152"),
    *("ResNet152V2", "VGG16", "VGG19", "Xception"),
]
SMALL = {
    "ConvNeXtTiny": 64,
    "EfficientNetB0": 65,
    "InceptionV3": 96,
    "MobileNet": 66,
    "MobileNetV2": 63,
    "MobileNetV3Small": 62,
    "ResNet50V2": 61,
}
"""Seven networks and the image sizes at which the default tests run them."""

LARGEST_DIFFERENCE = 1e-4
WITH_KERAS, WITHOUT_KERAS = "--with-keras", "--without-keras"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=NAMES, help="networks of keras.applications; all of them if none")
    parser.add_argument("--json", type=Path, help="write the measurements to this file as well")
    given = parser.parse_args(arguments)
    print(HEADINGS)
    rows = []
    for name in given.names:
        rows.append(measure(name))
        print(line(rows[-1]), flush=True)
    held = sum(row["holds"] for row in rows)
    print(f"{held} of {len(rows)} hold")
    if given.json:
        measured = {"date": datetime.now(UTC).date().isoformat(), "networks": rows}
        given.json.write_text(json.dumps(measured, indent=1) + "\n")
    return 0 if held == len(rows) else 1


COLUMNS = "{:18} {:>9} {:>12} {:>16} {:>10} {:>5} {:>8} {:>8}  {}"
HEADINGS = COLUMNS.format("network", "image", "parameters", "MACs", "difference", "top", "Keras s", "NumPy s", "holds")


def line(row: dict) -> str:
    """A measurement as a line under HEADINGS."""
    image, same = "x".join(map(str, row["image"])), "same" if row["same_top"] else "other"
    counts = f"{row['parameters']:,}", f"{row['macs']:,}", f"{row['difference']:.1e}"
    seconds = (f"{row[f'{side}_seconds']:.1f}" for side in ("keras", "numpy"))
    return COLUMNS.format(row["name"], image, *counts, same, *seconds, "yes" if row["holds"] else "NO")


def measure(name: str, size: int | None = None) -> dict:
    """Both runs of one network, each in a process of its own, and how they compare."""
    with TemporaryDirectory() as folder:
        for side in (WITH_KERAS, WITHOUT_KERAS):
            command = [sys.executable, "-m", "reference_tests.keras_applications", side, name, folder, str(size or 0)]
            done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True)
            if done.returncode:
                raise RuntimeError(f"{name}: {side[2:]} failed:\n{done.stderr}")
        theirs, ours = (json.loads((Path(folder) / f"{side}.json").read_text()) for side in ("keras", "numpy"))
        y, y_keras = (np.load(Path(folder) / f"{side}.npy") for side in ("numpy", "keras"))
    difference = float(np.abs(y - y_keras).max() / np.abs(y_keras).max())
    row = {
        "name": name,
        "image": theirs["image"],
        "parameters": ours["parameters"],
        "macs": ours["macs"],
        "difference": difference,
        "same_top": bool(y.argmax() == y_keras.argmax()),
        "keras_seconds": theirs["seconds"],
        "numpy_seconds": ours["seconds"],
    }
    equal = (ours["parameters"], ours["macs"]) == (theirs["parameters"], theirs["macs"])
    return {**row, "holds": equal and row["same_top"] and difference <= LARGEST_DIFFERENCE}


def with_keras(name: str, folder: Path, size: int) -> None:
    """Build, randomize, save and run the network in Keras, and count it by its own layers."""
    import keras

    from reference_tests.library.timing import seconds

    keras.utils.set_random_seed(sum(map(ord, name)))
    rng = np.random.default_rng(sum(map(ord, name)))
    options = {"input_shape": (size, size, 3)} if size else {}
    model = getattr(keras.applications, name)(weights=None, classifier_activation=None, **options)
    randomize(model, rng)
    model.save(folder / "model.keras")
    x = image(model, rng)
    np.save(folder / "x.npy", x)
    took, y = seconds(lambda: model.predict(x, verbose=0))
    np.save(folder / "keras.npy", y)
    counts = {"parameters": model.count_params(), "macs": keras_macs(model, x.shape[1:])}
    (folder / "keras.json").write_text(json.dumps({"image": x.shape[1:], "seconds": took, **counts}))


def without_keras(folder: Path) -> None:
    """Load, run and count the file where neither tensorflow nor keras can be imported."""
    sys.modules["tensorflow"] = sys.modules["keras"] = None  # type: ignore[assignment]
    import numpycnn
    from reference_tests.library.timing import seconds

    model, x = numpycnn.load_model(folder / "model.keras"), np.load(folder / "x.npy")
    took, y = seconds(lambda: model.predict(x))
    np.save(folder / "numpy.npy", y)
    counted = numpycnn.count(model.with_input_shapes(x.shape[1:]))
    counts = {"parameters": counted.params.total, "macs": counted.macs}
    (folder / "numpy.json").write_text(json.dumps({"seconds": took, **counts}))


def randomize(model, rng: np.random.Generator, images: int = 1) -> None:
    """Random numbers in place of the zeros and ones that biases, normalizations and layer scales start from.

    The moving statistics are those of other random images, as a training would leave them. Statistics that have
    nothing to do with what is normalized let the deepest networks grow beyond all bounds, where two roundings of the
    same sum lead to different classes.
    """
    layers = [layer for layer in model._flatten_layers(include_self=False) if not layer._layers]
    for layer in layers:
        ranges = {"gamma": (0.8, 1.2), "variance": (0.5, 1.5), "count": (5, 9)}
        if type(layer).__name__ == "LayerScale":
            ranges = {layer.gamma.name: (0.1, 0.4)}  # 1e-6 at first, at which what is scaled would not show
        for weight in layer.weights:
            if len(weight.shape) < 2:
                weight.assign(rng.uniform(*ranges.get(weight.name, (-0.1, 0.1)), weight.shape))
        if hasattr(layer, "finalize_state"):
            layer.finalize_state()
    normalizations = [layer for layer in layers if hasattr(layer, "moving_variance")]
    momenta = [layer.momentum for layer in normalizations]
    for layer in normalizations:
        layer.momentum = 0.0
    model(np.concatenate([image(model, rng) for _ in range(images)]), training=True)
    for layer, momentum in zip(normalizations, momenta, strict=True):
        layer.momentum = momentum
        variance = np.asarray(layer.moving_variance)
        layer.moving_variance.assign(variance + 0.1 * variance.mean())  # no channel that was nearly constant


def image(model, rng: np.random.Generator) -> np.ndarray:
    """One random image in the range that the network takes, 224x224 where it takes any size.

    Patches of several sizes lie over each other: of independent pixels the first convolutions would leave only their
    mean, as they do of no photograph.
    """
    height, width, channels = (side or 224 for side in model.input_shape[1:])
    x = np.zeros((1, height, width, channels))
    for size in (1, 4, 16, 64):
        patches = rng.random((1, -(-height // size), -(-width // size), channels))
        x += patches.repeat(size, axis=1).repeat(size, axis=2)[:, :height, :width] / 4
    return (255 * x if takes_pixels(model) else x).astype(np.float32)


def takes_pixels(model) -> bool:
    """Whether the network brings 0 .. 255 to its own range itself."""
    return any(type(layer).__name__ in ("Rescaling", "Normalization") for layer in model.layers[:3])


def keras_macs(model, shape) -> int:
    """The multiplications of all kernels, from Keras's weights and the shapes that Keras gives its tensors."""
    import keras

    fixed = keras.Input(shape)
    traced = keras.models.clone_model(model, input_tensors=fixed) if None in model.input_shape[1:] else model
    return sum(layer_macs(node.operation, node) for node in nodes(traced))


def nodes(model):
    for layers in model._nodes_by_depth.values():
        for node in layers:
            if hasattr(node.operation, "_nodes_by_depth") or hasattr(node.operation, "_functional"):
                yield from nodes(getattr(node.operation, "_functional", None) or node.operation)
            else:
                yield node


def layer_macs(layer, node) -> int:
    kernels = [w for w in getattr(layer, "weights", ()) if w.name.endswith("kernel")]
    if not kernels:
        return 0
    output, values = node.outputs[0].shape[1:], sum(int(np.prod(w.shape)) for w in kernels)
    return values * int(np.prod(output[:-1]))


if __name__ == "__main__":
    if sys.argv[1:2] == [WITH_KERAS]:
        with_keras(sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))
    elif sys.argv[1:2] == [WITHOUT_KERAS]:
        without_keras(Path(sys.argv[3]))
    else:
        sys.exit(main(sys.argv[1:]))
