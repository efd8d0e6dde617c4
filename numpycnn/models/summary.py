"""The table that Keras users know."""

from rich.console import Console
from rich.table import Table

from numpycnn.models.model import Model


def print_summary(model: Model, console: Console | None = None) -> None:
    """Print a row for each layer: name and kind, output shape, parameters, and the layers it reads."""
    console = console or Console()
    table = Table(title=f"Model: {model.name or 'model'}", title_justify="left")
    for heading in ("Layer (type)", "Output Shape", "Param #", "Connected to"):
        table.add_column(heading, justify="right" if heading == "Param #" else "left", overflow="fold")
    names, seen = model.node_names, set()
    sources = model.sources
    for tensor in model.inputs:
        table.add_row(f"{sources[tensor]} (InputLayer)", _shape(tensor.shape), "0", "-")
    for node in model.nodes:
        specs = {} if node.layer in seen else node.layer.weight_specs(*node.input_shapes)
        seen.add(node.layer)
        params = sum(_size(spec.shape) for spec in specs.values())
        shapes = ", ".join(map(_shape, node.output_shapes))
        reads = ", ".join(sources[tensor] for tensor in node.inputs)
        table.add_row(f"{names[node]} ({node.layer.keras_class})", shapes, f"{params:,}", reads)
    console.print(table)
    trainable = sum(v.size for v in model.trainable_weights)
    frozen = sum(v.size for v in model.non_trainable_weights)
    for label, count in (("Total", trainable + frozen), ("Trainable", trainable), ("Non-trainable", frozen)):
        console.print(f"{label} params: {count:,} ({_bytes(count * model.dtype.itemsize)})", highlight=False)


def _shape(shape) -> str:
    return f"({', '.join(('None', *map(str, shape)))})"


def _size(shape) -> int:
    size = 1
    for axis in shape:
        size *= axis
    return size


def _bytes(count: int) -> str:
    return f"{count / 1e6:,.2f} MB"
