"""Transfer learning on Fashion-MNIST: a base trained on five kinds of clothes, then five others from few pictures each.

    python docs/examples/transfer.py [--few 10] [--json FILE] [--picture FILE]

Needs Fashion-MNIST (docs/data.md). Trains in NumPy, in a few minutes.
"""

import argparse
import json
import platform
import time
from datetime import date

import numpy as np

from numpycnn.data import Arrays, Dataset, load_dataset
from numpycnn.layers import BatchNormalization, Conv2D, Dense, GlobalAveragePooling2D, Input, MaxPooling2D
from numpycnn.models import Model
from numpycnn.training import Adam, TrainingConfig, from_scratch, train, transfer

FIRST, OTHERS = (0, 1, 4, 5, 8), (2, 3, 6, 7, 9)
"""T-shirt, trouser, coat, sandal, bag; then pullover, dress, shirt, sneaker, ankle boot."""


def network(classes: int) -> Model:
    """Three stages of convolution, batch normalization and pooling, and a head."""
    x = inputs = Input((28, 28, 1))
    for stage, filters in enumerate((16, 32, 64), 1):
        x = Conv2D(filters, 3, padding="same", activation="relu", use_bias=False, name=f"stage{stage}_conv")(x)
        x = BatchNormalization(momentum=0.9, name=f"stage{stage}_bn")(x)
        x = MaxPooling2D(2, name=f"stage{stage}_pool")(x) if stage < 3 else x
    outputs = Dense(classes, activation="softmax", name="classes")(GlobalAveragePooling2D(name="averages")(x))
    return Model(inputs, outputs, name="three_stages")


def of_classes(data: Dataset, kinds, train_each: int, validation_each: int) -> Dataset:
    """Some of the classes, numbered anew, with this many examples of each; all of them to test on."""

    def part(split, each=None):
        chosen = np.concatenate([np.flatnonzero(split.y == kind)[:each] for kind in kinds])
        x, y = split.batch(chosen)
        return Arrays(x, np.searchsorted(kinds, y))

    names = tuple(data.class_names[kind] for kind in kinds)
    return Dataset(
        data.name, names, part(data.train, train_each), part(data.validation, validation_each), part(data.test)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--few", type=int, default=10, help="pictures of each of the other classes")
    parser.add_argument("--base-each", type=int, default=1000, help="pictures of each of the first classes")
    parser.add_argument("--base-epochs", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=15, help="of each phase")
    parser.add_argument("--json", help="keep the figures here")
    parser.add_argument("--picture", help="keep the curves here")
    given, start = parser.parse_args(), time.perf_counter()
    fashion = load_dataset("fashion_mnist")
    first, others = of_classes(fashion, FIRST, given.base_each, 100), of_classes(fashion, OTHERS, given.few, 40)
    config = TrainingConfig(epochs=given.base_epochs, batch_size=64, optimizer=Adam(learning_rate=2e-3))
    base = train(network(len(FIRST)), first, config)
    print(f"base: {base.test['test_accuracy']:.1%} of {len(first.test):,} pictures of {', '.join(first.class_names)}")
    config = config.with_(epochs=given.epochs, batch_size=10, optimizer=Adam(learning_rate=5e-3))
    scratch = from_scratch(base.model, others, config, epochs=2 * given.epochs)
    moved = transfer(base.model, others, config, start="stage2", fine_learning_rate=5e-4)
    ways = {"from scratch": scratch, "head only": moved.head, "fine-tuned": moved.fine_tuned}
    accuracy = {way: found.test["test_accuracy"] for way, found in ways.items()}
    print(f"others, from {given.few} pictures each of {', '.join(others.class_names)}:")
    for way, value in accuracy.items():
        print(f"  {way:13}{value:.1%} of {len(others.test):,}")
    print(f"gain of the transfer: {100 * (accuracy['fine-tuned'] - accuracy['from scratch']):+.1f} percentage points")
    if given.json:
        figures = {
            "date": date.today().isoformat(),
            "machine": f"{platform.machine()}, {platform.system()}, two shared cores",
            "command": f"python docs/examples/transfer.py --few {given.few}",
            "seconds": round(time.perf_counter() - start),
            "base_accuracy": round(base.test["test_accuracy"], 4),
            "accuracy": {way: round(value, 4) for way, value in accuracy.items()},
        }
        with open(given.json, "w") as file:
            json.dump(figures, file, indent=2)
            file.write("\n")
    if given.picture:
        draw(ways, given.epochs, given.picture)


def draw(ways, epochs: int, path: str) -> None:
    """Validation accuracy by epoch; fine-tuning begins where the head's training ended."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 3.6), layout="constrained")
    for way, found in ways.items():
        first = epochs if way == "fine-tuned" else 0
        rows = found.history
        axes.plot([first + i + 1 for i in range(len(rows))], [row["val_accuracy"] for row in rows], label=way)
    axes.set(xlabel="epoch", ylabel="validation accuracy", ylim=(0, 1))
    axes.legend(loc="lower right")
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
