"""Tallies: counts in cells, written out as fields."""

from tracker.figures.tally import Cell, written


def test_a_cell_counts_for_all_its_fields():
    """The whole and each segment go up together, and what they are taken from goes down."""
    move = Cell(["b", "b|s=one"], less=["a", "a|s=one"])
    assert written({move: 2}) == {"b": 2, "b|s=one": 2, "a": -2, "a|s=one": -2}


def test_cells_of_one_field_add_up():
    """Two cells may count for one field; what comes to nothing is left out."""
    assert written({Cell(["a", "b"]): 2, Cell(["a"]): -2, Cell(["c"]): 0}) == {"b": 2}
