"""Softmax with cross-entropy: from logits to shares, to a loss, and back in one step."""

import numpy as np

from numpycnn import ops
from numpycnn.explanations.explanation import Explanation, Grid, Section, number_text
from numpycnn.ops.arguments import check_rank, fail, floating

__all__ = ["sparse_categorical_crossentropy"]


def sparse_categorical_crossentropy(logits, *, at=None, dy=None) -> Explanation:
    """`ops.softmax` of one example's logits and the cross-entropy with its true class.

    Args: logits: (1, classes); at: (true class,), None for class 0; dy: (1,), the gradient by the loss, None for 1.

    Raises: ValueError for a shape, or a class that is not there.

    >>> sparse_categorical_crossentropy([[0.0, 0.0]], at=(1,)).section("The gradient").column("receives")
    [0.5, -0.5]
    """
    op = "sparse_categorical_crossentropy"
    (logits,) = floating(op, logits=logits)
    check_rank(op, "(1, classes)", logits=logits)
    (true,) = (0,) if at is None else at if len(at) == 1 else (-1,)
    if not 0 <= true < logits.shape[1]:
        fail(op, f"at must be the true class, from [0] to [{logits.shape[1] - 1}]", at=at)
    z, slope = logits[0], 1.0 if dy is None else float(np.ravel(dy)[0])
    shares = ops.softmax(logits)[0]
    loss = float(ops.sparse_categorical_crossentropy([true], logits[:1], from_logits=True)[0])
    dz = ops.sparse_categorical_crossentropy_backward([slope], [true], logits[:1], from_logits=True)[0]
    largest = float(z.max())
    powers = np.exp(z - largest)
    rows = tuple(
        (f"class {k}", float(z[k]), float(z[k]) - largest, float(powers[k]), float(shares[k])) for k in range(len(z))
    )
    back = tuple((f"class {k}", float(shares[k]), float(k == true), float(dz[k])) for k in range(len(z)))
    roles = np.full((1, len(z)), "window", object)
    roles[0, true] = "chosen"
    panels = tuple(
        (Grid(title, row[None], roles),) for title, row in (("logits z", z), ("softmax p", shares), ("dz", dz))
    )
    return Explanation(
        op=op,
        formula="p[k] = exp(z[k]) / sum over j of exp(z[j]),   loss = -log p[t],   dz[k] = dy * (p[k] - [k = t])",
        value=loss,
        at=(true,),
        output_shape=(len(z),),
        sections=(
            Section(
                title=f"What stands behind the loss of the true class {true}",
                lines=("the largest logit is taken away first, which changes no share and keeps exp within range",),
                headings=("", "z", "z - largest", "exp", "p"),
                rows=rows,
                results=(
                    f"the exponentials add up to {number_text(float(powers.sum()))}",
                    f"loss = -log {number_text(float(shares[true]))} = {number_text(loss)}",
                ),
            ),
            Section(
                title="The gradient: how much too large each share is",
                lines=(f"dy = {number_text(slope)}",),
                headings=("", "p", "wanted", "receives"),
                rows=back,
                results=("what the classes receive adds up to nothing: raising all logits alike changes no loss",),
            ),
        ),
        panels=panels,
    )
