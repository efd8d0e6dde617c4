"""The memory that TensorFlow's allocator really gave out, beside the range that `numpycnn count` prints.

    python -m benchmarks.memory                                  # every row, about 15 minutes on two cores
    python -m benchmarks.memory --networks ResNet50 --batches 8  # one of them
    python -m benchmarks.memory --device GPU:0 --json results.json
    python -m benchmarks.memory --measured results.json          # today's estimates beside what was measured then

Each row is a process of its own. It builds the network in Keras, reads it back as a numpycnn model, counts that, and
runs it in tf.function: some steps to warm up, then five whose peak is read from tf.config.experimental.get_memory_info
after reset_memory_stats. TensorFlow runs operations as they become ready, two at a time on two cores, so that peaks of
the same step differ; the least, the median and the largest are printed, in MB of 10^6 bytes.

On the CPU the statistics leave out blocks of up to 256 KiB, which have an allocator of their own. The weights and what
the optimizer keeps of them are known, so those that are that small are added to the reading.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median

NETWORKS = (
    *("ResNet34", "ResNet50", "InceptionV3", "DenseNet121", "EfficientNetB0", "MobileNetV2", "VGG16"),
    "Convolution",
)
SMALL = 256 * 1024
STEPS = 5
ROW = "--one-row"


def main():
    if sys.argv[1:2] == [ROW]:
        print(json.dumps(measured_row(*sys.argv[2:])))
        return 0
    arguments = parsed()
    line = markdown_line if arguments.markdown else plain_line
    print(line(HEADINGS))
    if arguments.markdown:
        print("|---|" + "---:|" * (len(HEADINGS) - 1))
    rows = []
    for row in measured(arguments):
        rows.append(row)
        print(line(cells(row)), flush=True)
    trained = [row for row in rows if row["optimizer"]]
    inside = sum(row["low"] <= row["least"] and row["most"] <= row["high"] for row in rows)
    near = sum(abs(row["middle"] / row["median"] - 1) <= 0.1 for row in trained)
    print(f"\n{inside} of {len(rows)} lie in the range with all {STEPS} runs; of those that train, ", end="")
    print(f"{near} of {len(trained)} medians lie within 10 % of its middle")
    if arguments.json:
        arguments.json.write_text(json.dumps({**environment(), "rows": rows}, indent=1) + "\n")
    return 0 if inside == len(rows) and near == len(trained) else 1


def measured(arguments):
    """The rows, measured now or taken from a file, with the estimates of today."""
    if not arguments.measured:
        for network, batch, optimizer in cases(arguments):
            yield in_a_process(network, batch, optimizer, arguments.device)
        return
    models = {}
    for row in json.loads(arguments.measured.read_text())["rows"]:
        model = models.setdefault(row["network"], None) or as_counted(build(row["network"]))
        models[row["network"]] = model
        yield {**row, **estimate(model, row["batch"], row["optimizer"])}


def parsed():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", default=NETWORKS, help="of keras.applications, ResNet34, Convolution")
    parser.add_argument("--batches", nargs="+", type=int, default=(4, 16))
    parser.add_argument("--optimizers", nargs="+", default=("sgd", "adam"), choices=("sgd", "momentum", "adam"))
    parser.add_argument("--device", default="CPU:0")
    parser.add_argument("--measured", type=Path, help="a file of an earlier run, whose peaks are taken")
    parser.add_argument("--markdown", action="store_true", help="print the table as docs/count/range.md has it")
    parser.add_argument("--json", type=Path, help="a file for the rows")
    return parser.parse_args()


def cases(arguments):
    """(network, batch, optimizer); no optimizer stands for a run to predict."""
    for network in arguments.networks:
        if network == "Convolution":
            yield network, 100, None
            continue
        for batch in arguments.batches:
            yield network, batch, None
            for optimizer in arguments.optimizers:
                yield network, batch, optimizer


def in_a_process(*arguments) -> dict:
    hidden = {} if arguments[-1].startswith("GPU") else {"CUDA_VISIBLE_DEVICES": "-1"}
    done = subprocess.run(
        [sys.executable, __file__, ROW, *map(str, arguments)],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **hidden},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        sys.exit(f"{arguments}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def measured_row(network: str, batch: str, optimizer: str, device: str) -> dict:
    model, given = build(network), None if optimizer == "None" else optimizer
    peaks = [peak + unseen(model, given, device) for peak in steps(model, int(batch), given, device)]
    return {
        "network": network,
        "batch": int(batch),
        "optimizer": given,
        "device": device,
        **estimate(as_counted(model), int(batch), given),
        "least": min(peaks),
        "median": int(median(peaks)),
        "most": max(peaks),
    }


def estimate(model, batch: int, optimizer: str | None) -> dict[str, int]:
    import numpycnn

    found = numpycnn.count(model, batch_size=batch, optimizer=optimizer).memory
    kind = "training" if optimizer else "inference"
    low, high = (getattr(found, f"{kind}_{end}_bytes") for end in ("low", "high"))
    return {"low": low, "middle": (low + high) // 2, "high": high}


def as_counted(model):
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    import numpycnn

    return numpycnn.from_keras(model)


def build(network: str):
    import keras

    if network == "Convolution":
        return keras.Sequential([keras.Input((150, 100, 3)), keras.layers.Conv2D(200, 5, padding="same")])
    if network == "ResNet34":
        from numpycnn.models import resnet34

        return resnet34().to_keras()
    return getattr(keras.applications, network)(weights=None)


def steps(model, batch: int, optimizer: str | None, device: str):
    """The peak of each of STEPS runs, after three that are not counted."""
    import keras
    import numpy as np
    import tensorflow as tf

    keras.utils.set_random_seed(0)
    made = {
        "sgd": lambda: keras.optimizers.SGD(1e-4),
        "momentum": lambda: keras.optimizers.SGD(1e-4, momentum=0.9),
        "adam": lambda: keras.optimizers.Adam(1e-4),
    }
    update = made[optimizer]() if optimizer else None
    if update is not None:
        update.build(model.trainable_variables)
    loss = keras.losses.SparseCategoricalCrossentropy()
    x = tf.constant(np.random.default_rng(0).random((batch, *model.input_shape[1:]), np.float32))
    labels = tf.constant(np.arange(batch) % model.output_shape[-1])

    @tf.function
    def predict(x, labels):
        return model(x, training=False)

    @tf.function
    def train(x, labels):
        with tf.GradientTape() as tape:
            value = loss(labels, model(x, training=True))
        update.apply(tape.gradient(value, model.trainable_variables), model.trainable_variables)
        return value

    run = predict if update is None else train
    for step in range(3 + STEPS):
        tf.config.experimental.reset_memory_stats(device)
        result = run(x, labels)
        result.numpy()
        if step >= 3:
            yield tf.config.experimental.get_memory_info(device)["peak"]
        del result


def unseen(model, optimizer: str | None, device: str) -> int:
    """The bytes of weights and slots in blocks that the statistics of the CPU leave out."""
    slots = {None: 0, "sgd": 0, "momentum": 1, "adam": 2}[optimizer]
    if not device.startswith("CPU"):
        return 0
    sizes = [(4 * variable.value.shape.num_elements(), variable.trainable) for variable in model.variables]
    return sum(size * (1 + slots * trained) for size, trained in sizes if size <= SMALL)


HEADINGS = ("network", "batch", "optimizer", "low", "middle", "high", "least", "median", "most", "middle/median")


def cells(row) -> list[str]:
    sizes = [f"{row[name] / 1e6:,.0f}" for name in ("low", "middle", "high", "least", "median", "most")]
    optimizer = row["optimizer"] or "(predict)"
    ratio = f"{row['middle'] / row['median']:.3f}" if row["optimizer"] else ""
    return [row["network"], str(row["batch"]), optimizer, *sizes, ratio]


def markdown_line(cells) -> str:
    return f"| {' | '.join(cells)} |"


def plain_line(cells) -> str:
    name, *others = cells
    return f"{name:14}  " + "  ".join(f"{cell:>9}" for cell in others)


def environment() -> dict:
    from datetime import date
    from importlib.metadata import version

    packages = {name: version(name) for name in ("tensorflow", "keras", "numpy")}
    return {"date": date.today().isoformat(), "cores": os.cpu_count(), **packages}


if __name__ == "__main__":
    sys.exit(main())
