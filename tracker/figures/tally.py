"""A tally: the changes of the aggregates during a batch, counted in cells and written as fields at the end.

A touchpoint changes a dozen figures, each as a whole and by every segment. A cell stands for all fields of a figure
that always change together, so one count replaces many; a batch has far fewer cells than changes. Counting fields
directly would build and hash a dozen texts for each touchpoint. It knows no figure by name.
"""

from collections.abc import Iterable


class Cell:
    """Fields that change together: a figure of one cohort and one set of segment values, as a whole and by segment.

    Cells are compared by identity, which makes the hash of a key in the tally cheap.
    """

    __slots__ = ("fields", "less")

    def __init__(self, fields: Iterable[str] = (), less: Iterable[str] = ()) -> None:
        """`less`: fields that go down when the others go up."""
        self.fields = tuple(fields)
        self.less = tuple(less)


Tally = dict[Cell, int]


def change_by(tally: Tally, cell: Cell, count: int) -> None:
    """Count a change of a cell's fields."""
    tally[cell] = tally.get(cell, 0) + count


def written(tally: Tally) -> dict[str, int]:
    """The differences by field; fields that stay the same are left out."""
    total: dict[str, int] = {}
    for cell, count in tally.items():
        for field in cell.fields:
            total[field] = total.get(field, 0) + count
        for field in cell.less:
            total[field] = total.get(field, 0) - count
    return {field: count for field, count in total.items() if count} if 0 in total.values() else total
