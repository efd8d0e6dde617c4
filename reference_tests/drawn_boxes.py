"""Boxes and scores as the tests of detection draw them."""

import numpy as np
from hypothesis import strategies as st

KINDS = ("uniform", "grid", "clustered", "same", "thin", "extreme")


def boxes(rng: np.random.Generator, count: int, kind: str, flipped: float = 0.3) -> np.ndarray:
    """float32 (count, 4), xyxy: some given by their other corners.

    "uniform"; "grid" of few whole numbers, full of ties and touching edges; "clustered" around few centres; "same":
    one box many times; "thin": often without area; "extreme": over sixteen decades, so that no overlap
    is below float32's smallest normal number.
    """
    if kind == "grid":
        corners = rng.integers(0, 6, (count, 4)).astype(float)
    elif kind == "same":
        corners = np.tile([1.0, 2.0, 4.0, 7.0], (count, 1))
    else:
        centres = rng.uniform(0, 10, (count, 2)) if kind != "clustered" else rng.choice([[2.0, 3.0], [7.0, 5.0]], count)
        sides = rng.uniform(0.1, 4, (count, 2)) + (rng.normal(0, 0.2, (count, 2)) if kind == "clustered" else 0)
        if kind == "thin":
            sides *= rng.integers(0, 2, (count, 2))
        corners = np.concatenate([centres - sides / 2, centres + sides / 2], axis=1)
        if kind == "extreme":
            corners *= 10.0 ** rng.integers(-8, 9, (count, 1))
    turned = rng.random((count, 2)) < flipped
    for axis in (0, 1):
        pairs = corners[:, axis::2]
        corners[:, axis::2] = np.where(turned[:, [axis]], pairs[:, ::-1], pairs)
    return corners.astype(np.float32)


@st.composite
def scored_boxes(draw, most: int = 40, kinds=KINDS) -> tuple[np.ndarray, np.ndarray]:
    """Boxes (n, 4) and scores (n,), often with ties, both float32."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1), label="seed"))
    count = draw(st.integers(0, most), label="count")
    ties = draw(st.sampled_from([0, 3, 1]), label="different scores")
    scores = rng.integers(0, ties, count) / 4 if ties else rng.normal(size=count)
    return boxes(rng, count, draw(st.sampled_from(kinds), label="kind")), scores.astype(np.float32)
