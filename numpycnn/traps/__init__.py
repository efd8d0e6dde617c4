"""Where TensorFlow and Keras, PyTorch and ONNX mean different things by the same name: 53 rows, computed on the spot.

Measured with TensorFlow 2.21.0, Keras 3.15.1, PyTorch 2.13.0, ONNX 1.23.2 and ONNX Runtime 1.31.1 on the CPU.
"""

from numpycnn.traps import convolution, detection, models, normalization, pooling, values
from numpycnn.traps.row import Row, Shown

__all__ = ["ROWS", "Row", "Shown", "find_row"]

ROWS: tuple[Row, ...] = tuple(
    sorted(
        (row for family in (convolution, pooling, normalization, values, detection, models) for row in family.ROWS),
        key=lambda row: row.number,
    )
)


def find_row(number: int) -> Row:
    """The row of this number; ValueError where there is none."""
    for row in ROWS:
        if row.number == number:
            return row
    raise ValueError(f"there is no row {number}; rows are 1 to {ROWS[-1].number}.")
