"""The wiring of a configuration: which call reads which, and an order in which all of them can be made."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from numpycnn.keras_io.calls import Call, Entry, Reference
from numpycnn.keras_io.errors import ModelFileError

__all__ = ["MODELS", "end_call", "in_order", "renumbered"]

MODELS = ("Functional", "Model", "Sequential")
"""The classes of models. Keras 2 counts the calls of a model within another from 1, and so do ends in Keras 3."""


def renumbered(entries: list[Entry]) -> dict[str, Entry]:
    """The entries by name, all calls in their references counted from 0.

    Raises: ModelFileError for a name used twice, a layer or a call that is not there.
    """
    named = {entry.name: entry for entry in entries}
    if len(named) < len(entries):
        twice = Counter(entry.name for entry in entries).most_common(1)[0][0]
        raise ModelFileError(f"every layer must have a name of its own; got {twice!r} more than once")
    numbers: dict[str, set[int]] = defaultdict(set)
    for entry in entries:
        for reference in _read_by(*entry.calls):
            numbers[reference.layer].add(reference.call)
    first = {name: _first_call(named[name], found) for name, found in numbers.items() if name in named}

    def own(argument: Any) -> Any:
        if not isinstance(argument, Reference):
            return argument
        return _checked(named, argument._replace(call=argument.call - first.get(argument.layer, 0)))

    def calls(entry: Entry) -> list[Call]:
        return [call._replace(arguments=[own(argument) for argument in call.arguments]) for call in entry.calls]

    return {name: entry._replace(calls=calls(entry)) for name, entry in named.items()}


def end_call(entries: dict[str, Entry], end: Reference) -> Reference:
    """An input or output of a model, its call counted from 0."""
    entry = entries.get(end.layer)
    if entry is None or entry.class_name not in MODELS or end.call == 0:
        return _checked(entries, end)
    from_1 = entry.keras2 or entry.class_name != "Sequential" or end.call == len(entry.calls)
    return _checked(entries, end._replace(call=end.call - from_1))


def in_order(entries: dict[str, Entry]) -> Iterator[tuple[Entry, int]]:
    """Every call, as its layer's entry and its number, after those it reads.

    Raises: ModelFileError where calls read each other in a circle.
    """
    readers: dict[tuple[str, int], list[tuple[str, int]]] = defaultdict(list)
    missing: Counter = Counter()
    for entry in entries.values():
        for number, call in enumerate(entry.calls):
            for reference in _read_by(call):
                if not _is_input(entries[reference.layer]):
                    readers[reference.layer, reference.call].append((entry.name, number))
                    missing[entry.name, number] += 1
    every = [(entry.name, number) for entry in entries.values() for number in range(len(entry.calls))]
    ready = [call for call in reversed(every) if not missing[call]]
    done = 0
    while ready:
        name, number = ready.pop()
        done += 1
        yield entries[name], number
        for reader in readers[name, number]:
            missing[reader] -= 1
            if not missing[reader]:
                ready.append(reader)
    if done < len(every):
        stuck = next(name for name, number in every if missing[name, number])
        raise ModelFileError(f"layers must not read each other in a circle; layer {stuck!r} waits for its own output")


def _is_input(entry: Entry) -> bool:
    return entry.class_name == "InputLayer"


def _read_by(*calls: Call) -> list[Reference]:
    return [argument for call in calls for argument in call.arguments if isinstance(argument, Reference)]


def _first_call(entry: Entry, numbers: set[int]) -> int:
    """The number by which others mean the first call of this layer."""
    if entry.class_name not in MODELS or 0 in numbers:
        return 0
    return 1 if entry.keras2 or len(entry.calls) in numbers else 0


def _checked(entries: dict[str, Entry], reference: Reference) -> Reference:
    entry = entries.get(reference.layer)
    if entry is None:
        raise ModelFileError(f"a layer reads {reference.layer!r}, which is not there")
    calls = 1 if _is_input(entry) else len(entry.calls)
    if not 0 <= reference.call < calls:
        raise ModelFileError(f"a layer reads call {reference.call} of {reference.layer!r}, which has {calls}")
    return reference
