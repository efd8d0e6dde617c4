"""Transfer learning on Fashion-MNIST: a base trained on five kinds of clothes, then five others from few pictures each.

    python docs/examples/transfer.py [--few 5 10 50] [--seeds 3] [--json FILE] [--out PICTURE]

Three ways are compared: from scratch, the head alone, and fine-tuned. All take the same number of steps on the same
batches at the same rates: half of the steps at the full rate, half at a tenth. They differ in what a step may change.
No picture serves to choose between them: each half keeps the weights of its lowest training loss.

Needs Fashion-MNIST (docs/data.md); `--data digits` runs everywhere. Trains in NumPy, in a few minutes.
"""

import argparse
import json
import os
import platform
import time
from datetime import date
from functools import partial

import numpy as np

from numpycnn.data import Arrays, Dataset, load_dataset
from numpycnn.layers import BatchNormalization, Conv2D, Dense, GlobalAveragePooling2D, Input, MaxPooling2D
from numpycnn.models import Model
from numpycnn.models.blocks import bn_relu, conv, conv_bn, preactivation_unit, residual_unit
from numpycnn.training import Adam, Best, TrainingConfig, Transfer, train

FIRST, OTHERS = (0, 1, 4, 5, 8), (2, 3, 6, 7, 9)
"""T-shirt, trouser, coat, sandal, bag; then pullover, dress, shirt, sneaker, ankle boot."""

WAYS = ("from scratch", "head only", "fine-tuned")
BATCH, RATE = 25, 5e-3


def three_stages(classes: int = 5, input_shape=(28, 28, 1)) -> Model:
    """Three stages of convolution, batch normalization and pooling, and a head."""
    x = inputs = Input(input_shape)
    for stage, filters in enumerate((16, 32, 64), 1):
        x = Conv2D(filters, 3, padding="same", activation="relu", use_bias=False, name=f"stage{stage}_conv")(x)
        x = BatchNormalization(momentum=0.9, name=f"stage{stage}_bn")(x)
        x = MaxPooling2D(2, name=f"stage{stage}_pool")(x) if stage < 3 else x
    outputs = Dense(classes, activation="softmax", name="classes")(GlobalAveragePooling2D(name="averages")(x))
    return Model(inputs, outputs, name="three_stages")


def small_resnet(classes: int = 5, input_shape=(28, 28, 1), filters: int = 16) -> Model:
    """A ResNet of three stages with a unit each, of 16, 32 and 64 filters."""
    made = partial(conv_bn, momentum=0.9)
    x = made(inputs := Input(input_shape), filters, 3, name="conv1")
    for stage in range(3):
        strides = 1 if stage == 0 else 2
        x = residual_unit(x, filters * 2**stage, strides=strides, conv_bn=made, name=f"conv{stage + 2}_1")
    return Model(inputs, Dense(classes, activation="softmax")(GlobalAveragePooling2D()(x)), name="small_resnet")


def small_wide_resnet(classes: int = 5, input_shape=(28, 28, 1), widening: int = 2) -> Model:
    """WRN-10-2: a wide residual network of three stages with a unit each, twice as wide as the first ones."""
    made = partial(bn_relu, momentum=0.9, epsilon=1e-5)
    x = conv(inputs := Input(input_shape), 16, 3, name="conv1")
    for stage, filters in enumerate((16, 32, 64)):
        strides, wide = 1 if stage == 0 else 2, widening * filters
        x = preactivation_unit(x, wide, strides=strides, norm_relu=made, name=f"conv{stage + 2}_1")
    x = GlobalAveragePooling2D()(made(x, name="post"))
    return Model(inputs, Dense(classes, activation="softmax")(x), name="small_wide_resnet")


NETWORKS = {"three_stages": three_stages, "resnet": small_resnet, "wide_resnet": small_wide_resnet}


def of_classes(data: Dataset, kinds, each: int, seed: int) -> Dataset:
    """Some of the classes, numbered anew: so many examples of each drawn to train on, none to validate, all to test."""
    rng = np.random.default_rng(seed)

    def part(split, draw):
        x, y = split.batch(np.concatenate([draw(np.flatnonzero(split.y == kind)) for kind in kinds]))
        return Arrays(x, np.searchsorted(kinds, y))

    drawn = part(data.train, lambda found: rng.permutation(found)[:each])
    none, test = part(data.validation, lambda found: found[:0]), part(data.test, lambda found: found)
    return Dataset(data.name, tuple(data.class_names[kind] for kind in kinds), drawn, none, test)


def config_for(examples: int, steps: int, seed: int = 0) -> TrainingConfig:
    """The first half: so many steps on batches of 25 at the full rate."""
    batch = min(BATCH, examples)
    return TrainingConfig(
        epochs=max(1, steps // -(-examples // batch)),
        batch_size=batch,
        optimizer=Adam(learning_rate=RATE),
        best=Best(monitor="loss"),
        seed=seed,
    )


def compare(base: Model, others: Dataset, steps: int, seed: int, start: int | str = "all") -> dict:
    """Accuracy on all test pictures, and on those trained on, of each way after twice so many steps."""
    first = config_for(len(others.train), steps, seed)
    ways = Transfer(base, others, first, start=start).compare()
    return {
        "accuracy": {way: round(phases.test["test_accuracy"], 4) for way, phases in ways.items()},
        "training_accuracy": {way: round(phases.history[-1]["accuracy"], 4) for way, phases in ways.items()},
    }


def mean_and_spread(result: dict, few: int, way: str, key: str = "accuracy") -> tuple[float, float]:
    """In percent: the mean over the seeds, and the standard deviation (0 of one seed)."""
    values = [100 * row[key][way] for row in result["rows"] if row["few"] == few]
    return float(np.mean(values)), spread(values)


def numbers_of(result: dict) -> list[int]:
    """How many pictures of a class were tried."""
    return sorted({row["few"] for row in result["rows"]})


def lines(result: dict) -> list[str]:
    """The table that is printed."""
    found = [f"base: {result['base_accuracy']:.1%} right of its own five classes"]
    found.append("pictures a class" + "".join(f"{way:>16}" for way in WAYS) + "   fine-tuned - scratch   ahead in")
    for few in numbers_of(result):
        cells = [mean_and_spread(result, few, way) for way in WAYS]
        gains = gains_of(result, few)
        row = f"{few:16}" + "".join(f"{mean:9.1f} ± {sd:4.1f}" for mean, sd in cells)
        row += f"{np.mean(gains):+16.1f} ± {spread(gains):4.1f}"
        found.append(row + f"{sum(gain > 0 for gain in gains):6} of {len(gains)}")
    return found


def gains_of(result: dict, few: int) -> list[float]:
    """Of each seed, by how many percent of the test pictures fine-tuning is ahead of the same draw from scratch."""
    rows = [row["accuracy"] for row in result["rows"] if row["few"] == few]
    return [100 * (accuracy["fine-tuned"] - accuracy["from scratch"]) for accuracy in rows]


def spread(values: list[float]) -> float:
    """The standard deviation; 0 of one value."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def measure(given) -> dict:
    """Train the base once, then all ways for each number of pictures and each seed."""
    start, processor = time.perf_counter(), time.process_time()
    data = load_dataset(given.data, size=given.size)
    first = of_classes(data, FIRST, given.base_each, seed=0)
    settings = TrainingConfig(
        epochs=given.base_epochs, batch_size=64, optimizer=Adam(learning_rate=2e-3), best=Best(monitor="loss")
    )
    base = train(NETWORKS[given.network](len(FIRST), data.shape), first, settings)
    rows = []
    for few in given.few:
        for seed in range(1, given.seeds + 1):
            rows.append({"few": few, "seed": seed})
            others = of_classes(data, OTHERS, few, seed)
            rows[-1] |= compare(base.model, others, given.steps, seed, given.start)
            print(f"{few} pictures, seed {seed}: {rows[-1]['accuracy']}", flush=True)
    return {
        "date": date.today().isoformat(),
        "data": given.data,
        "size": given.size,
        "network": base.model.name,
        "start": given.start,
        "base_pictures": len(first.train),
        "base_epochs": given.base_epochs,
        "base_accuracy": round(base.test["test_accuracy"], 4),
        "steps": 2 * given.steps,
        "rows": rows,
        "machine": f"{platform.machine()}, {platform.system()}, {os.cpu_count()} cores",
        "threads": os.environ.get("OPENBLAS_NUM_THREADS", ""),
        "processor_seconds": round(time.process_time() - processor),
        "seconds": round(time.perf_counter() - start),
    }


def draw(result: dict, path: str) -> None:
    """Accuracy over the number of pictures; the bars are the standard deviation."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.subplots()
    numbers = numbers_of(result)
    for way in WAYS:
        means, spreads = zip(*(mean_and_spread(result, few, way) for few in numbers), strict=True)
        axes.errorbar(numbers, means, spreads, marker="o", capsize=4, label=way)
    axes.set(xscale="log", xlabel="pictures of each class", ylabel="accuracy on the test set, %")
    axes.set_xticks(numbers, [str(few) for few in numbers])
    axes.minorticks_off()
    axes.legend(loc="lower right")
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=100)


def main(arguments=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="fashion_mnist", help="fashion_mnist, mnist or digits")
    parser.add_argument("--size", type=int, default=28, help="of the pictures, in pixels")
    parser.add_argument("--network", choices=NETWORKS, default="three_stages", help="what the base is")
    parser.add_argument("--start", default="all", help="where the second half of fine-tuning starts: a layer, a block")
    parser.add_argument("--few", type=int, nargs="+", default=[5, 10, 50], help="pictures of each of the others")
    parser.add_argument("--seeds", type=int, default=3, help="how often they are drawn")
    parser.add_argument("--base-each", type=int, default=4000, help="pictures of each of the first classes")
    parser.add_argument("--base-epochs", type=int, default=2)
    parser.add_argument("--steps", type=int, default=150, help="of each half")
    parser.add_argument("--json", help="keep the figures here")
    parser.add_argument("--out", help="draw a picture of them here")
    given = parser.parse_args(arguments)
    result = measure(given)
    print("\n".join(lines(result)))
    if given.json:
        with open(given.json, "w", encoding="utf-8") as file:
            file.write(json.dumps(result, indent=1) + "\n")
    if given.out:
        draw(result, given.out)


if __name__ == "__main__":
    main()
