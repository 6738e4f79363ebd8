import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.yaml_tree import MAX_NODES, YamlError, grow, plain


def grown(text: str) -> object:
    root, problems = grow(text)
    assert root is not None
    assert problems == []
    return plain(root)


def stopped(text: str) -> tuple[int, str]:
    with pytest.raises(YamlError) as caught:
        grow(text)
    return caught.value.problem.line, caught.value.problem.message


def test_words_of_yaml_1_1_are_words() -> None:
    """Norway is a country, and so are yes, on and a date; only true, false and null are special."""
    text = "[SE, NO, FI, yes, off, 2026-01-01, 1_000, 0o7, 12:30]"
    assert grown(text) == ["SE", "NO", "FI", "yes", "off", "2026-01-01", "1_000", "0o7", "12:30"]


def test_numbers_truth_and_nothing() -> None:
    """Plain numbers, true, false and null have their values; in quotes they are texts."""
    assert grown("[1, -2.5, 1e3, true, False, null, ~, '1', \"true\"]") == [
        1, -2.5, 1000.0, True, False, None, None, "1", "true",
    ]  # fmt: skip


def test_an_alias_stands_for_what_it_names() -> None:
    """A part with a name can be used again."""
    assert grown("a: &x {b: [1]}\nc: *x") == {"a": {"b": [1]}, "c": {"b": [1]}}


def test_a_key_written_twice_is_a_problem() -> None:
    """The second of two same keys is named with its place, and the first is kept."""
    root, problems = grow("a: 1\nb: {c: 1, c: 2}")
    assert root is not None
    assert plain(root) == {"a": 1, "b": {"c": 1}}
    assert [(each.line, each.column) for each in problems] == [(2, 11)]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a:\n\t- b", 2, "tab"),
        ("a: b: c", 1, "colon"),
        ("a: [1, 2\nb: 3", 2, "not closed"),
        ("a: 'x\n", 2, "quotes"),
        ("a: !!python/object/apply:os.system [ls]", 1, "tag"),
        ("a: *nothing", 1, "refers to nothing"),
        ("a: &x [*x]", 1, "refers to nothing"),
        ("a: 1\n---\nb: 2", 2, "second document"),
        ("{a: 1}: 2", 1, "single word"),
        ("a: 1\nb: \x07", 2, "U+0007"),
        ("a: @x", 1, "keeps for itself"),
        ("[" * 5000, 1, "nested deeper"),
    ],
)
def test_what_is_no_yaml_is_said_in_plain_words(text: str, line: int, words: str) -> None:
    """A fault of syntax has its line and a message that needs no knowledge of parsers."""
    found, message = stopped(text)
    assert found == line
    assert words in message


def test_aliases_cannot_unfold_without_end() -> None:
    """Ten times ten times ten references stop at the limit instead of filling the memory."""
    lines = ["- &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"- &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert str(MAX_NODES) in stopped("\n".join(lines))[1]


def test_nothing_but_comments_is_nothing() -> None:
    """An empty text has no root, and neither have comments and a byte order mark."""
    assert grow("\ufeff# a journey\n") == (None, [])
    assert grow("") == (None, [])


@given(st.text(alphabet="ab:-[]{}*&!|>'\"#%@\n\t ,?~\x00\ufeffé", max_size=60))
def test_no_text_breaks_it(text: str) -> None:
    """Any text grows into a tree or is stopped with a place."""
    lines = [1]
    try:
        lines += [each.line for each in grow(text)[1]]
    except YamlError as error:
        lines.append(error.problem.line)
    assert min(lines) >= 1
