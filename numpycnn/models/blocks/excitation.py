"""Squeeze and excitation: a network that weighs its own maps."""

from numpycnn.layers import Dense, GlobalAveragePooling2D, Multiply, Tensor

__all__ = ["squeeze_excite"]


def squeeze_excite(x: Tensor, *, ratio: int = 16, name: str) -> Tensor:
    """Weigh each map by a number between 0 and 1 that follows from the averages of all maps.

    Squeeze: each map's average. Excite: a dense layer with ReLU to 1 / ratio as many numbers, and one with a sigmoid
    back to a weight for each map.

    Source: Hu et al., arXiv:1709.01507, figures 1 to 3.
    """
    maps = x.shape[-1]
    z = GlobalAveragePooling2D(name=f"{name}_squeeze")(x)
    z = Dense(maps // ratio, activation="relu", kernel_initializer="he_normal", name=f"{name}_reduce")(z)
    weight = Dense(maps, activation="sigmoid", name=f"{name}_excite")(z)
    return Multiply(name=f"{name}_scale")(x, weight)
