"""Ordinary, strided, 1x1, grouped and transposed convolution, forward and backward."""

from functools import partial
from typing import NamedTuple

from benchmarks.libraries import gemm, mygrad, numpy_ml, onnx, tensorflow
from benchmarks.rows import Row, drawn


class Convolution(NamedTuple):
    """One shape; padding is "same"."""

    image: tuple[int, int, int]
    filters: int
    kernel: int
    strides: int = 1
    batch: int = 1
    groups: int = 1

    @property
    def name(self) -> str:
        stride = f"/{self.strides}" if self.strides > 1 else ""
        groups = f", {self.groups} groups" if self.groups > 1 else ""
        image = "x".join(map(str, self.image))
        return f"{self.kernel}x{self.kernel}{stride}, {image} -> {self.filters}{groups}, N={self.batch}"

    @property
    def output(self) -> tuple[int, int, int, int]:
        height, width, _ = self.image
        return self.batch, -(-height // self.strides), -(-width // self.strides), self.filters

    @property
    def kernel_shape(self) -> tuple[int, int, int, int]:
        return self.kernel, self.kernel, self.image[2] // self.groups, self.filters

    @property
    def options(self) -> dict:
        return {"strides": self.strides, "padding": "same", "groups": self.groups}

    @property
    def product(self) -> tuple[int, int, int]:
        """Rows, terms and columns of one matrix product of the same MACs."""
        batch, height, width, filters = self.output
        return batch * height * width, self.kernel**2 * self.image[2] // self.groups, filters

    def arrays(self, **how):
        """x, kernel, dy"""
        return drawn((self.batch, *self.image), self.kernel_shape, self.output, **how)


def ours(case: Convolution, dtype="float32", *, absolute=False):
    from numpycnn.ops import conv2d

    x, kernel, _ = (abs(a) if absolute else a for a in case.arrays(dtype=dtype))
    return partial(conv2d, x, kernel, **case.options)


def ours_backward(case: Convolution, dtype="float32", *, absolute=False):
    from numpycnn.ops import conv2d_backward

    x, kernel, dy = (abs(a) if absolute else a for a in case.arrays(dtype=dtype))
    return partial(conv2d_backward, dy, x, kernel, **case.options)


def row(case: Convolution) -> Row:
    sides = {"numpycnn": ours, "tensorflow": tensorflow.conv2d, "gemm": gemm.forward}
    if case.groups == 1:  # numpy-ml and MyGrad have no groups
        sides |= {"numpy-ml": numpy_ml.conv2d, "mygrad": mygrad.conv2d}
    sides["onnx"] = onnx.conv2d
    return Row(
        f"conv {case.name}",
        {side: partial(prepare, case) for side, prepare in sides.items()},
        partial(ours, case, "float64"),
        partial(ours, case, "float64", absolute=True),
    )


def backward_row(case: Convolution) -> Row:
    sides = {"numpycnn": ours_backward, "tensorflow": tensorflow.conv2d_backward, "gemm": gemm.backward}
    if case.groups == 1:
        sides |= {"numpy-ml": numpy_ml.conv2d_backward, "mygrad": mygrad.conv2d_backward}
    return Row(
        f"conv backward {case.name}",
        {side: partial(prepare, case) for side, prepare in sides.items()},
        partial(ours_backward, case, "float64"),
        partial(ours_backward, case, "float64", absolute=True),
    )


def ours_transposed(case: Convolution, dtype="float32", *, absolute=False):
    """The convolution read from its output to its image, which is the transposed one of the same kernel."""
    from numpycnn.ops import conv2d_transpose

    _, kernel, dy = (abs(a) if absolute else a for a in case.arrays(dtype=dtype))
    return partial(conv2d_transpose, dy, kernel, strides=case.strides, padding="same")


def ours_transposed_backward(case: Convolution, dtype="float32", *, absolute=False):
    from numpycnn.ops import conv2d_transpose_backward

    x, kernel, dy = (abs(a) if absolute else a for a in case.arrays(dtype=dtype))
    return partial(conv2d_transpose_backward, x, dy, kernel, strides=case.strides, padding="same")


def transposed_rows(case: Convolution) -> list[Row]:
    name = f"{case.kernel}x{case.kernel}/{case.strides}, {'x'.join(map(str, case.output[1:]))} -> {case.image[2]}"
    both = {
        "": (ours_transposed, tensorflow.conv2d_transpose, gemm.forward),
        "backward ": (ours_transposed_backward, tensorflow.conv2d_transpose_backward, gemm.backward),
    }
    return [
        Row(
            f"transposed conv {which}{name}, N={case.batch}",
            {"numpycnn": partial(mine, case), "tensorflow": partial(theirs, case), "gemm": partial(product, case)},
            partial(mine, case, "float64"),
            partial(mine, case, "float64", absolute=True),
        )
        for which, (mine, theirs, product) in both.items()
    ]


CASES = [
    Convolution((150, 100, 3), 200, 5),
    *(
        shape._replace(batch=batch)
        for shape in (
            Convolution((224, 224, 3), 64, 7, 2),
            Convolution((56, 56, 64), 64, 3),
            Convolution((28, 28, 128), 128, 3),
            Convolution((14, 14, 256), 256, 3),
            Convolution((7, 7, 512), 512, 3),
            Convolution((56, 56, 64), 128, 3, 2),
            Convolution((56, 56, 64), 128, 1, 2),
        )
        for batch in (1, 8)
    ),
    Convolution((56, 56, 256), 64, 1, batch=8),
    Convolution((56, 56, 128), 128, 3, batch=8, groups=32),
]
"""The first of the chapter, ResNet-34's, then the 1x1 one of a bottleneck and the grouped one of ResNeXt-50."""

ROWS = [
    *map(row, CASES),
    *map(backward_row, CASES),
    *transposed_rows(Convolution((56, 56, 64), 128, 4, 2, batch=8)),
]
