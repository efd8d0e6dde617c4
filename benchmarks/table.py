"""What was measured as lines for people, and its summary: the geometric mean and the rows that miss their target."""

from math import exp, log

from benchmarks.rows import SIDES

WORST = 2.5
"""The largest ratio of our time to TensorFlow's that a row may have."""


def ratio(record: dict) -> float | None:
    """Our least time by TensorFlow's; None where one of the two is missing."""
    sides = record["sides"]
    if "numpycnn" not in sides or "tensorflow" not in sides:
        return None
    return sides["numpycnn"]["min"] / sides["tensorflow"]["min"]


def geometric_mean(records: list[dict]) -> float | None:
    ratios = [r for r in map(ratio, records) if r]
    return exp(sum(map(log, ratios)) / len(ratios)) if ratios else None


def faster_peers(record: dict) -> list[str]:
    """The pure-NumPy libraries that took less time than ours."""
    sides = record["sides"]
    peers = [side for side in SIDES[3:] if side in sides]
    return [side for side in peers if sides[side]["min"] < sides["numpycnn"]["min"]] if "numpycnn" in sides else []


def lines(records: list[dict]) -> list[str]:
    """The table, then the summary."""
    columns = [side for side in SIDES if any(side in record["sides"] for record in records)]
    width = max(len(record["row"]) for record in records)
    titles = [*columns, "ratio", "median", "MB", "MB tf", "error", "error tf", "scaled", "scaled tf"]
    table = [f"{'milliseconds':{width}}" + "".join(f"{title:>11}" for title in titles)]
    for record in records:
        sides = record["sides"]
        cells = [_number(sides.get(side, {}).get("min"), 1e3) for side in columns]
        ours, theirs = sides.get("numpycnn", {}), sides.get("tensorflow", {})
        cells += [_number(ratio(record)), _number(ours.get("median"), 1e3)]
        cells += [_number(side.get("bytes"), 1e-6) for side in (ours, theirs)]
        cells += [f"{side[key]:.1e}" if key in side else "" for key in ("error",) for side in (ours, theirs)]
        cells += [_number(side.get("scaled")) for side in (ours, theirs)]
        table.append(f"{record['row']:{width}}" + "".join(f"{cell:>11}" for cell in cells))
    return [*table, "", *summary(records)]


def summary(records: list[dict]) -> list[str]:
    mean = geometric_mean(records)
    found = [] if mean is None else [f"geometric mean of numpycnn by tensorflow: {mean:.3f} over {len(records)} rows"]
    above = [(record["row"], r) for record in records if (r := ratio(record)) and r > WORST]
    found += [f"above {WORST}: {row} ({r:.2f})" for row, r in above]
    found += [f"slower than {peer}: {record['row']}" for record in records for peer in faster_peers(record)]
    less = [record["row"] for record in records if less_accurate(record)]
    return found + [f"less accurate than tensorflow: {row}" for row in less]


def less_accurate(record: dict) -> bool:
    """Whether our largest difference from float64 is beyond TensorFlow's."""
    ours, theirs = (record["sides"].get(side, {}).get("error") for side in ("numpycnn", "tensorflow"))
    return ours is not None and theirs is not None and ours > theirs


def _number(value: float | None, factor: float = 1.0) -> str:
    return "" if value is None else f"{value * factor:,.3g}" if abs(value * factor) < 100 else f"{value * factor:,.0f}"
