import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker import paths
from tracker.paths import ANY


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("channel", ("channel",)),
        ("properties.price", ("properties", "price")),
        ("properties.products.*.category", ("properties", "products", ANY, "category")),
        ("properties.products.0.category", ("properties", "products", "0", "category")),
        ('properties."utm.source"', ("properties", "utm.source")),
        ('context."a.b".c', ("context", "a.b", "c")),
        ('properties."*"', ("properties", "*")),
        ('properties."say ""hi"".now"', ("properties", 'say "hi".now')),
        ("properties.two words", ("properties", "two words")),
    ],
)
def test_a_path_is_read_and_written(text: str, path: paths.Path) -> None:
    """A path has names, places in lists, a star for any element, and names in quotes; it is written as it is read."""
    assert paths.parse(text) == path
    assert paths.show(path) == text
    assert re.fullmatch(paths.SHAPE, text)


@pytest.mark.parametrize(
    ("text", "message", "remedy"),
    [
        ("price", "no place in a touchpoint", "did you mean properties.price?"),
        ("type", "no place in a touchpoint", "beside `where`"),
        ("properties", "no place in a touchpoint", "begin with properties. or context."),
        ("propertys.products.0.id", "no place in a touchpoint", "properties.id"),
        ("properties..price", "has an empty part", "between two dots"),
        ("properties.price.", "has an empty part", "between two dots"),
        ('properties.""', "the quotes are not closed", "goes in quotes"),
        ('properties."utm.source', "the quotes are not closed", "goes in quotes"),
        ('properties."utm".source"x"y', "", ""),
        ('properties."utm"source', "the quotes are not closed", "goes in quotes"),
        ("properties. price", "begins with a blank", "without the blank"),
    ],
)
def test_what_is_no_path_is_met_with_a_remedy(text: str, message: str, remedy: str) -> None:
    """Unknown roots, empty parts and bad quotes are named; a quote within a name is part of the name."""
    if not message:
        assert paths.parse(text) == ("properties", "utm", 'source"x"y')
        return
    with pytest.raises(paths.PathError) as caught:
        paths.parse(text)
    assert message in caught.value.message
    assert remedy in caught.value.remedy
    assert not re.fullmatch(paths.SHAPE, text)


@pytest.mark.parametrize(
    ("text", "better"),
    [
        ("properties.products[0].category", "properties.products.0.category"),
        ("properties.products[*].category", "properties.products.*.category"),
        ("properties.products[].category", "properties.products.*.category"),
        ("properties.*_id", "alone between dots"),
    ],
)
def test_another_notation_is_doubted(text: str, better: str) -> None:
    """Brackets and stars of other languages are read as names, and the remedy says how it is written here."""
    assert better in (paths.doubt(text) or ("", ""))[1]
    assert paths.doubt(text.replace("properties.", 'properties."', 1).replace("]", ']"').replace("_id", '_id"')) is None


@pytest.mark.parametrize(
    ("text", "better", "meant"),
    [
        ("properties.'utm.source'", 'properties."utm.source"', "properties.\"'utm.source'\""),
        ("properties.products.-1.category", "from 0", 'properties.products."-1".category'),
    ],
)
def test_other_quotes_and_places_from_the_end_are_doubted(text: str, better: str, meant: str) -> None:
    """Both are read as names, and whoever means a name writes it in quotes."""
    assert better in (paths.doubt(text) or ("", ""))[1]
    assert paths.doubt(meant) is None


@given(st.sampled_from(paths.ROOTS), st.lists(st.just(ANY) | st.text(min_size=1, max_size=9), min_size=1, max_size=4))
def test_any_name_can_be_written(root: str, parts: list[str]) -> None:
    """Whatever the names are, the path that is written is read as the same path."""
    path = (root, *parts)
    assert paths.parse(paths.show(path)) == path


@pytest.mark.parametrize(
    ("part", "index"), [("0", 0), ("12", 12), ("01", -1), ("-1", -1), ("²", -1), ("1e1", -1), ("1234567", -1), ("", -1)]
)
def test_a_number_is_a_place_in_a_list(part: str, index: int) -> None:
    """Places are counted from 0; what is no plain number names no place."""
    assert paths.index_of(part) == index
