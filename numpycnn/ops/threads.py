"""Several hands for work that moves more bytes than it computes: pooling, normalization, activations.

NumPy gives up Python's lock inside its loops, so pieces of one op run side by side in plain threads. The pieces are
the same and each writes a place of its own however many hands there are, so that results do not depend on them, to
the bit. Work that calls BLAS stays out of here: BLAS has threads of its own. Work within a piece is never divided
again.
"""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

MOST = 4
"""More hands than this wait for memory."""

LEAST_BYTES = 2**23
"""Work that moves less is done before another thread has woken up."""

PIECE_BYTES = 2**21
"""The most that a piece of an array holds. Shorter loops end before another thread has woken up to take the lock."""

VARIABLES = ("NUMPYCNN_THREADS", "OMP_NUM_THREADS")
"""The first of these that holds a number sets how many hands there are; else it is the cores this process may use."""


def hands() -> int:
    """How many threads share the pieces of an op, from 1 to MOST."""
    given = (os.environ.get(name, "").split(",")[0].strip() for name in VARIABLES)
    wanted = next((int(number) for number in given if number.isdecimal()), None)
    return max(1, min(MOST, cores() if wanted is None else wanted))


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def slices(length: int, item_bytes: int) -> list[slice]:
    """Cut so many items into the fewest slices of about one size, of at most PIECE_BYTES each."""
    parts = max(1, -(-length * item_bytes // PIECE_BYTES))
    size = max(1, -(-length // parts))
    return [slice(start, min(start + size, length)) for start in range(0, length, size)]


def each(work: Callable, pieces: Iterable, moved_bytes: int) -> None:
    """work(piece) for every piece, in no order: each must write only what no other reads or writes.

    moved_bytes: what all pieces together read and write, about; little work stays in the calling thread.
    """
    waiting = deque(pieces)
    count = min(hands(), len(waiting))
    if count <= 1 or moved_bytes < LEAST_BYTES or getattr(_local, "is_piece", False):
        for piece in waiting:
            work(piece)
        return
    others = [_workers().submit(copy_context().run, _empty, work, waiting) for _ in range(count - 1)]
    try:
        _empty(work, waiting)
    finally:
        waiting.clear()  # after an error nobody begins another piece
        errors = [other.exception() for other in others]
    for error in filter(None, errors):
        raise error


def _empty(work, waiting: deque) -> None:
    """Take pieces until none is left."""
    _local.is_piece = True
    try:
        while True:
            try:
                piece = waiting.popleft()
            except IndexError:
                return
            work(piece)
    finally:
        _local.is_piece = False


def _workers() -> ThreadPoolExecutor:
    global _pool
    with _lock:
        if _pool is None:
            _pool = ThreadPoolExecutor(MOST - 1, thread_name_prefix="numpycnn")
        return _pool


def _forget() -> None:
    """A forked process has the pool but not its threads."""
    global _pool, _lock
    _pool, _lock = None, threading.Lock()


_pool: ThreadPoolExecutor | None = None
_lock, _local = threading.Lock(), threading.local()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
