"""What `numpycnn count` prints: layers, figures, fields and comparisons, for people or as CSV or Markdown."""

from collections.abc import Callable, Sequence

from numpycnn.cli.tables import Table, byte_text, shape_text, share_bar
from numpycnn.counting import CONVENTIONS, BlockCount, Count, Fit, LayerCount

__all__ = ["SHARES", "block_table", "comparison_table", "figures_table", "fit_table", "layer_table"]

SHARES: dict[str, Callable[[LayerCount | BlockCount], int]] = {
    "macs": lambda row: row.macs,
    "parameters": lambda row: row.params,
    "memory": lambda row: row.output_bytes,
}
"""What the bar of a layer can show its share of."""


def layer_table(counted: Count, *, convention: str = "macs", share: str | None = None, fields: bool = False) -> Table:
    """A row for each layer; `share` adds a bar, `fields` what an output sees of the input."""
    rows = (*counted.inputs, *counted.layers)
    work = "MACs" if convention == "macs" else "operations"
    headings = ["layer", "kind", "output shape", "parameters", work, "output bytes"]
    cells = [
        [row.name, row.kind, shape_text(row.output_shape), row.params, row.work(convention), row.output_bytes]
        for row in rows
    ]
    if fields:
        headings += ["field", "stride", "padding", "centre"]
        for line, row in zip(cells, rows, strict=True):
            line += _field(row)
    return _with_shares(Table(headings, cells, right=(3, 4, 5)), rows, counted, share)


def block_table(counted: Count, parts: int, *, convention: str = "macs", share: str | None = None) -> Table:
    """A row for each block of layers whose names begin alike."""
    rows, work = counted.blocks(parts), "MACs" if convention == "macs" else "operations"
    headings = ["block", "layers", "output shape", "parameters", work, "output bytes"]
    cells = [
        [row.name, row.layers, shape_text(row.output_shape), row.params, row.work(convention), row.output_bytes]
        for row in rows
    ]
    return _with_shares(Table(headings, cells, right=(1, 3, 4, 5)), rows, counted, share)


def _with_shares(table: Table, rows: Sequence[LayerCount | BlockCount], counted: Count, share: str | None) -> Table:
    """A table of these rows with one column more: the share of each in all layers."""
    if share is None:
        return table
    total = sum(map(SHARES[share], counted.layers))
    cells = [[*cells, share_bar(SHARES[share](row), total)] for cells, row in zip(table.rows, rows, strict=True)]
    return table._replace(headings=[*table.headings, f"share of {'MACs' if share == 'macs' else share}"], rows=cells)


def _field(row: LayerCount) -> list[str]:
    if row.kind == "InputLayer":
        return [""] * 4
    if row.receptive_field is None:
        return ["all", "", "", ""]
    field = row.receptive_field
    return [_pair(field.size), _pair(field.stride), _pair(field.padding), _pair(field.centre)]


def _pair(numbers) -> str:
    rows, columns = (f"{number:g}" for number in numbers)
    return rows if rows == columns else f"{rows}x{columns}"


def figures_table(counted: Count, target: str, *, convention: str = "macs") -> Table:
    """Label, figure with its unit, and what it is."""
    params, memory = counted.params, counted.memory
    state = f"state of {counted.optimizer}" if counted.optimizer else "no optimizer state"
    copies = f", their copies in {counted.dtype.removeprefix('mixed_')}" if memory.copy_bytes else ""
    kept = f"what backward needs ({byte_text(memory.kept_bytes)})"
    figures = [
        ("of parameters", memory.parameter_bytes, "all of them"),
        ("of outputs", memory.output_bytes, "all layers, without the input"),
        ("to predict", memory.inference_bytes, "parameters and the most that must exist at once, in the best order"),
        ("to predict, in order", memory.inference_in_order_bytes, "the same in the order of the model"),
        ("to predict, by the book", memory.inference_book_bytes, "parameters and the two largest consecutive layers"),
        ("to train", memory.training_bytes, f"parameters, gradients, {state}{copies} and {kept}"),
        ("to train, by the book", memory.training_book_bytes, "parameters, the input batch and outputs of all layers"),
    ]
    work = [("MACs", f"{counted.macs:,}", f"for one example: {counted.mac_convention}")]
    if convention != "macs":
        work.append(("operations", f"{counted.work(convention):,}", f"for one example: {CONVENTIONS[convention]}"))
    rows = [
        ("counted", target, f"batch of {counted.batch_size:,}, {counted.dtype}"),
        ("parameters", f"{params.total:,}", f"{params.trainable:,} trainable, {params.non_trainable:,} not trainable"),
        *work,
        *([("not in MACs", _uncounted(counted), "for one example")] if convention == "macs" else []),
        ("parameters in bytes", _by_dtype(params.bytes), "by the dtype of each number"),
        *((f"memory {label}", byte_text(count), meaning) for label, count, meaning in figures),
        ("peak to predict", _range(memory.inference_low_bytes, memory.inference_high_bytes), "in a framework"),
        ("peak to train", _range(memory.training_low_bytes, memory.training_high_bytes), "in a framework, one step"),
        ("units", "kB, MB, GB are 10^3, 10^6, 10^9 bytes", "KiB, MiB, GiB are 2^10, 2^20, 2^30 bytes"),
    ]
    return Table((), [(label, f"{figure}; {meaning}") for label, figure, meaning in rows])


def _uncounted(counted: Count) -> str:
    """What other arithmetic there is besides MACs, by kind."""
    kinds = {"bias": "biases", "normalization": "normalized", "activation": "activated", "pooling": "pooled"}
    kinds |= {"merging": "merged", "resizing": "interpolated"}
    return ", ".join(f"{count:,} {kinds.get(kind, kind)}" for kind, count in counted.operations.items()) or "nothing"


def _by_dtype(sizes: dict[str, int]) -> str:
    return ", ".join(f"{name} {size:,}" for name, size in sizes.items())


def _range(low: int, high: int) -> str:
    return f"from {byte_text(low)} to {byte_text(high)}"


def fit_table(fit: Fit, counted: Count) -> Table:
    """The largest batches, and those that a change would allow."""
    optimizer = counted.optimizer or "an optimizer without state"
    rows = [
        ("fits into", byte_text(fit.limit_bytes), f"{counted.dtype}, {optimizer}"),
        ("to predict", f"batch of {fit.predict:,}", "by the upper end of the peak"),
        ("to train", f"batch of {fit.train:,}", "by the upper end of the peak"),
        ("to train, likely", f"batch of {fit.train_likely:,}", "by the middle of the peak"),
        *((f"to train with {what}", f"batch of {batch:,}", "instead") for what, batch in fit.changes.items()),
    ]
    return Table((), [(label, f"{figure}; {meaning}") for label, figure, meaning in rows])


def comparison_table(counts: Sequence[Count], targets: Sequence[str], *, convention: str = "macs") -> Table:
    """A row for each model, with how many times the figures of the first each is."""
    work = "MACs" if convention == "macs" else "operations"
    figures: dict[str, Callable[[Count], int]] = {
        "parameters": lambda counted: counted.params.total,
        work: lambda counted: counted.work(convention),
        "bytes to predict": lambda counted: counted.memory.inference_bytes,
        "bytes to train": lambda counted: counted.memory.training_bytes,
    }
    first = counts[0]
    rows = [
        [
            target,
            shape_text(tuple(row.output_shape for row in counted.inputs)),
            *(cell for of in figures.values() for cell in (of(counted), _times(of(counted), of(first)))),
        ]
        for target, counted in zip(targets, counts, strict=True)
    ]
    headings = ["model", "input", *(cell for name in figures for cell in (name, f"x {targets[0]}"))]
    return Table(headings, rows, right=tuple(range(2, len(headings))))


def _times(count: int, first: int) -> str:
    if not first:
        return ""
    return f"{count / first:,.0f}" if count >= 1000 * first else f"{count / first:.3g}"
