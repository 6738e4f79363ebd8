"""Numbers in the store that a person may have changed by hand."""


def marker_number(value: bytes | str | None) -> int:
    """A number of a partition's marker; 0, as where nobody has followed the record, for what is no number.

    The owner then looks at all states and writes the marker anew.
    """
    try:
        return max(0, int(value or 0))
    except ValueError:
        return 0
