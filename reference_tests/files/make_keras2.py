"""Makes the files of Keras 2 in this folder, with what Keras 2 computes on them. Needs `pip install tf_keras`."""

from pathlib import Path

import numpy as np
import tf_keras as keras

HERE = Path(__file__).parent
layers = keras.layers


def main():
    keras.utils.set_random_seed(3)
    rng = np.random.default_rng(0)
    inputs = [rng.normal(size=(2, 11, 9, 3)), rng.normal(size=(2, 5))]
    model = functional()
    save(model, "keras2_functional", inputs, rng)
    model.save(HERE / "keras2_functional.keras")
    save(sequential(), "keras2_sequential", [rng.normal(size=(3, 8, 7, 2))], rng)


def functional():
    """Shared layers, a model within called twice, several inputs and outputs, a frozen layer, names of all kinds."""
    image, extra = layers.Input((11, 9, 3), name="image"), layers.Input((5,), name="extra")
    y = layers.Conv2D(6, (3, 2), strides=(2, 1), padding="same", activation="swish", name="first/conv")(image)
    y = layers.BatchNormalization(name="frozen", trainable=False)(y)
    y = layers.LeakyReLU(0.2)(y)
    y = layers.SeparableConv2D(4, 3, padding="same", depth_multiplier=2)(y)
    shared = layers.Conv2D(4, 1, name="shared")
    y = layers.Add()([shared(y), shared(layers.Activation("relu")(y))])
    inner = within()
    first, second = inner(y, training=False)
    third, fourth = inner(second)
    y = layers.Concatenate()([first, fourth, layers.DepthwiseConv2D(3, padding="same")(third)])
    y = layers.PReLU(shared_axes=[1, 2])(layers.Conv2DTranspose(5, 2, strides=2)(y))
    y = layers.LayerNormalization()(y)
    head = keras.Sequential([layers.Flatten(), layers.Dense(5, name="d")], name="head")
    pooled = layers.GlobalAveragePooling2D()(y)
    joined = layers.Dropout(0.3)(layers.Concatenate()([head(y), pooled, extra]))
    return keras.Model([image, extra], [layers.Dense(6, activation="softmax", name="out")(joined), pooled])


def within():
    x = layers.Input((None, None, 4), name="inner_in")
    y = layers.BatchNormalization(name="n")(layers.Conv2D(4, (3, 2), padding="same", name="c")(x))
    return keras.Model(x, [y, layers.Conv2D(4, 1, name="second")(y)], name="inner")


def sequential():
    return keras.Sequential(
        [
            layers.Conv2D(4, 3, input_shape=(8, 7, 2)),
            layers.ReLU(6.0, negative_slope=0.1),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(3, "relu"),
            layers.Dense(4),
        ]
    )


def save(model, name, inputs, rng):
    values = zip(model.get_weights(), model.weights, strict=True)
    model.set_weights(
        [rng.uniform(0.5, 1.5, v.shape) if "variance" in w.name else rng.normal(0, 0.3, v.shape) for v, w in values]
    )
    model.save(HERE / f"{name}.h5")
    arrays = [x.astype(np.float32) for x in inputs]
    outputs = model.predict(arrays, verbose=0)
    outputs = outputs if isinstance(outputs, list) else [outputs]
    named = {f"x{i}": x for i, x in enumerate(arrays)} | {f"y{i}": y for i, y in enumerate(outputs)}
    np.savez(HERE / f"{name}.npz", **named)


if __name__ == "__main__":
    main()
