"""Whole trainings, measured: test accuracy and seconds an epoch, with the machine they were measured on.

    OPENBLAS_NUM_THREADS=1 python -m benchmarks.training digits        # NumPy
    python -m benchmarks.training scenes                               # NumPy, a class and a box
    python -m benchmarks.training fashion_mnist [--devices gpu]        # TensorFlow

Each prints its figures as JSON. The folder of the run (--out) keeps the rest; one that is there already is resumed.
"""

import argparse
import json
import os
import sys
import time
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from numpycnn.data import load_dataset
from numpycnn.layers import BatchNormalization, Conv2D, Dense, Flatten, Input, MaxPooling2D
from numpycnn.models import Sequential, digit_localizer, fashion_mnist
from numpycnn.training import Adam, CosineDecay, Head, Nadam, TrainingConfig, heads_in_words, train
from numpycnn.training.batches import steps_of
from numpycnn.training.run_folder import environment

EPOCHS = {"digits": 8, "fashion_mnist": 6, "scenes": 12}


def digits_network():
    """A small one for pictures of 8 x 8."""
    return Sequential(
        [
            Input((8, 8, 1)),
            Conv2D(16, 3, padding="same", activation="relu"),
            BatchNormalization(momentum=0.9),
            Conv2D(32, 3, padding="same", activation="relu"),
            MaxPooling2D(),
            Flatten(),
            Dense(64, activation="relu"),
            Dense(10, activation="softmax"),
        ],
        name="digits",
    )


NETWORKS = {"digits": digits_network, "fashion_mnist": fashion_mnist, "scenes": digit_localizer}


HEADS = {
    "scenes": heads_in_words(
        ("class_output", "box_output"),
        ("class", "box"),
        losses=["box_output=square_root_box"],
        weights=["class_output=0.8", "box_output=0.2"],
    )
}


def configuration(name: str, epochs: int, examples: int, devices: str) -> TrainingConfig:
    """The rate falls along half a cosine to 0 over the whole run."""
    if name != "fashion_mnist":
        steps = epochs * steps_of(examples, 32)
        optimizer = Adam(learning_rate=CosineDecay(0.003, decay_steps=steps))
        return TrainingConfig(
            backend="numpy", epochs=epochs, batch_size=32, optimizer=optimizer, heads=HEADS.get(name, (Head(),))
        )
    rate = CosineDecay(0.001, decay_steps=epochs * steps_of(examples, 64))
    optimizer = Nadam(learning_rate=rate)
    return TrainingConfig(backend="tensorflow", epochs=epochs, batch_size=64, optimizer=optimizer, devices=devices)


def measured(name: str, epochs: int, devices: str, out: Path | None) -> dict:
    """One run, from the first step to the accuracy on the test set."""
    data = load_dataset(name)
    model = NETWORKS[name]()
    config = configuration(name, epochs, len(data.train), devices)
    ends, resumed = [time.perf_counter()], out is not None and (out / "config.json").exists()
    start, load = environment(config), os.getloadavg()

    def report(epoch, logs):
        ends.append(time.perf_counter())
        print(f"epoch {epoch}, {ends[-1] - ends[-2]:.1f} s: {json.dumps(logs)}", file=sys.stderr, flush=True)

    trained = train(model, data, config, out=out, resume=resumed, report=report)
    seconds = [round(after - before, 1) for before, after in pairwise(ends)]
    return {
        "data": name,
        "network": model.name,
        "date": datetime.now(UTC).date().isoformat(),
        "environment": start,
        "threads": os.environ.get("OPENBLAS_NUM_THREADS"),
        "load_average": load,  # before it began: where other work runs, seconds say little, processor_seconds more
        "resumed": resumed,
        "seconds_of_epochs": seconds,
        "seconds_in_all": round(time.perf_counter() - ends[0], 1),
        "processor_seconds": round(time.process_time(), 1),
        "best_epoch": trained.best_epoch,
        **trained.test,
        "config": config.to_dict(),
        "history": trained.history,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", choices=sorted(EPOCHS))
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--devices", default="cpu", choices=("cpu", "gpu", "all"))
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    epochs = options.epochs or EPOCHS[options.data]
    print(json.dumps(measured(options.data, epochs, options.devices, options.out), indent=1))


if __name__ == "__main__":
    main()
