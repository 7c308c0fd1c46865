"""Edit distance in characters."""

from __future__ import annotations


def distance(first: str, second: str) -> int:
    """Fewest insertions, deletions and replacements of characters that lead from one text to the other.

    One step of integer arithmetic for each character of ``second``: a column of the usual table is held as the
    bits of two integers, which say where it rises and where it falls by one.

    Source: H. Hyyrö, "Explaining and extending the bit-parallel approximate string matching algorithm of Myers"
    (2001), global distance.

    Example:
        >>> distance("合上开关", "盒上关")
        2
    """
    if not first:
        return len(second)
    places: dict[str, int] = {}
    for place, character in enumerate(first):
        places[character] = places.get(character, 0) | 1 << place
    last, full = 1 << (len(first) - 1), (1 << len(first)) - 1
    rises, falls, score = full, 0, len(first)
    for character in second:
        same = places.get(character, 0)
        vertical = same | falls
        horizontal = (((same & rises) + rises) ^ rises) | same
        up = falls | (~(horizontal | rises) & full)
        down = rises & horizontal
        score += bool(up & last) - bool(down & last)
        up, down = (up << 1 | 1) & full, (down << 1) & full
        rises = down | (~(vertical | up) & full)
        falls = up & vertical
    return score
