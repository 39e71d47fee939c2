"""What a chip may show while its weights are changed: the old set, then nothing, then the new set."""

from __future__ import annotations

Event = tuple[int, ...]


def phases(found: list[Event], expected: list[tuple[Event, Event]]) -> tuple[int, int, int]:
    """Number of events of the old set, held at zero, and of the new set, in this order.

    Args:
        found: outputs in order.
        expected: output of each event by the old and by the new weights; the three outcomes differ for every event.

    Raises:
        AssertionError: an output is none of the three, or comes behind a later one.
    """
    counts, phase = [0, 0, 0], 0
    for index, (event, (old, new)) in enumerate(zip(found, expected, strict=True)):
        outcomes = [old, (0,) * len(event), new]
        assert event in outcomes, f"event {index}: {event} is of neither set ({old}, {new}): mixed weights"
        seen = outcomes.index(event)
        assert seen >= phase, f"event {index} goes back from phase {phase} to {seen}"
        counts[seen], phase = counts[seen] + 1, seen
    return counts[0], counts[1], counts[2]
