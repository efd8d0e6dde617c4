"""Inputs on which rules part that give the same numbers on another: what is offered where several explain."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from numpycnn.detection import convert_boxes, valid_boxes
from numpycnn.verification.calls import Call
from numpycnn.verification.chains import Chain, Step, changed_outputs, run

__all__ = ["parting"]


def parting(chain: Chain, choices: Sequence[Sequence[Step]]) -> Chain | None:
    """The chain on an input where as many of the choices differ as can be found; None where no two of them do."""
    best, most = None, 1
    for candidate in _inputs(chain):
        kinds = _kinds(candidate, choices)
        if kinds > most:
            best, most = candidate, kinds
        if kinds == len(choices):
            break
    return best


def _kinds(chain: Chain, choices: Sequence[Sequence[Step]]) -> int:
    """How many different results the rules give on this chain."""
    different: list[dict] = []
    for steps in choices:
        outputs = changed_outputs(chain, steps)
        if outputs is None:
            outputs = run(chain) if _runs(chain) else None
        if outputs is not None and not any(_alike(outputs, other) for other in different):
            different.append(outputs)
    return len(different)


def _runs(chain: Chain) -> bool:
    try:
        run(chain)
    except (ValueError, TypeError):
        return False
    return True


def _alike(a: dict, b: dict) -> bool:
    """Equal shapes, and values closer than anybody would have to look for."""
    for name, y in a.items():
        if np.shape(y) != np.shape(b[name]):
            return False
        size = np.max(np.abs(y), initial=0)
        if not np.allclose(y, b[name], rtol=0, atol=1e-4 * size, equal_nan=True):
            return False
    return True


def _inputs(chain: Chain) -> Iterator[Chain]:
    """The same calls on other inputs: numbers of many sizes, images a few pixels larger on one side or the other."""
    rng, call = np.random.default_rng(0), chain[0]
    x = call.arrays.get("x")
    if x is None:
        yield from ((drawn, *chain[1:]) for drawn in _boxes(rng, call))
        return
    for size in (1, 1e-3):
        for more in ((0, 0), (1, 0), (0, 1), (1, 2), (2, 3), (3, 1), (4, 5)) if x.ndim == 4 else ((0, 0),):
            shape = (2, x.shape[1] + more[0], x.shape[2] + more[1], x.shape[3]) if x.ndim == 4 else (5, *x.shape[1:])
            arrays = {k: _drawn(rng, k, v.shape) for k, v in call.arrays.items() if isinstance(v, np.ndarray)}
            drawn = call.with_arrays(**{**arrays, "x": size * _drawn(rng, "x", shape)})
            if call.backward:
                drawn = _with_dy(rng, drawn)
            if drawn is not None:
                yield (drawn, *chain[1:])


def _boxes(rng, call: Call) -> Iterator[Call]:
    """The same call on other boxes of whole numbers, with scores that tie and other thresholds.

    First ordinary boxes, some of one width, so that overlaps of 1/2 and 1/3 are frequent; then boxes in any order,
    where those of the call are.
    """
    known = {"format": call.options.get("format", "xyxy")}
    given = [boxes for name, boxes in call.arrays.items() if name.startswith("boxes")]
    ordinary = all(valid_boxes(boxes, **known).all() for boxes in given)
    for k in range(20 if given else 0):
        arrays = {name: v for name, v in call.arrays.items() if isinstance(v, np.ndarray) and name != "dy"}
        for name, array in arrays.items():
            shape = (12, *array.shape[1:]) if array.ndim > 1 or "boxes" not in name else array.shape
            arrays[name] = rng.integers(0, 8, shape) / (1 if "boxes" in name else 16)
            if "boxes" in name and (ordinary or k < 12):
                low, sides = arrays[name][..., :2], arrays[name][..., 2:] + 1
                if k % 2:
                    low, sides = (
                        low * (1, 0) // 2,
                        np.stack([0 * sides[..., 0] + 4, 2 + sides[..., 1] % 2 * 2], axis=-1),
                    )
                corners = np.concatenate([low, low + sides], axis=-1)
                arrays[name] = convert_boxes(corners, "xyxy", known["format"])
        if "classes" in arrays:
            arrays["classes"] = rng.integers(0, 3, 12)
        drawn = call.with_arrays(**arrays)
        if call.options.get("max_output_size") == len(call.arrays.get("scores", ())):  # all of them
            drawn = drawn.with_options(max_output_size=len(arrays["scores"]))
        if k > 2 and "iou_threshold" in call.options:
            drawn = drawn.with_options(iou_threshold=(0.5, 0.25, 1 / 3)[k // 2 % 3])
        if call.backward:
            drawn = _with_dy(rng, drawn)
        if drawn is not None:
            yield drawn


def _with_dy(rng, call: Call) -> Call | None:
    """A backward with a dy of the shape that its forward now gives."""
    arrays = {k: v for k, v in call.arrays.items() if k != "dy"}
    try:
        y = next(iter(replace(call, op=call.forward_op, arrays=arrays, function=None, finish=()).run().values()))
    except (ValueError, TypeError):
        return None
    return call.with_arrays(dy=rng.normal(size=y.shape))


def _drawn(rng, name: str, shape) -> np.ndarray:
    """Numbers over a decade and a half; variances so small that an epsilon shows."""
    numbers = rng.normal(size=shape) * 10.0 ** rng.uniform(-1, 0.5, shape)
    return 1e-6 * np.abs(numbers) if name == "variance" else numbers
