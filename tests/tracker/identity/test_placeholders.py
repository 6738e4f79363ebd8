"""Texts that mean nobody are no ids, and names stay names."""

import re
from hashlib import md5, sha1, sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.wire.schema import document
from tracker.identity.kinds import KINDS, Kinds, kinds_of, normalise
from tracker.identity.placeholders import HASHED, NOBODY, WORDS, means_nobody
from tracker.identity.pseudonym import hidden, keyed, nobodies

WORDS_FOR_NOBODY = [
    "not set", "none", "null", "nil", "nan", "na", "n/a", "undefined", "unknown", "anon", "anonymous", "guest", "true",
    "false", "id", "email", "distinct_id", "user_id", "not_authenticated", "[object object]",
]  # fmt: skip
PUBLISHED = re.compile(document("touchpoint")["$defs"]["id"]["anyOf"][0]["not"]["pattern"])


@pytest.mark.parametrize("word", WORDS_FOR_NOBODY)
@pytest.mark.parametrize(
    "form", ["{}", " {} ", "({})", "<{}>", "[{}]", '"{}"', "'{}'", "\u201c{}\u201d", "{{{}}}", "-{}-", "{}."]
)
@pytest.mark.parametrize("case", [str.lower, str.upper, str.title])
def test_a_word_for_nobody_is_no_id(word: str, form: str, case) -> None:
    """Whatever its case, and whatever brackets, quotes and punctuation stand around it."""
    assert normalise(form.format(case(word))) is None


@pytest.mark.parametrize(
    "text",
    ["(not set)", "(none)", "(other)", "#N/A", "{}", "[]", '""', "0.0", "<null>", "\\N", "{{user_id}}",
     "not_authenticated",
     "0" * 32, sha256(b"").hexdigest(), "00000000-0000-0000-0000-000000000000", "0", "000", "0,00", "-1", "-1.0", "-01",
     "\u22121", "-", "---", "\u2013", "\uff0d", "\u3030\u2e3a", "...", "0x0",
     "00:00:00:00:00:00", "${user.id}", "%USER_ID%", "%%email%%",
     "*|EMAIL|*",
     "<%= id %>", "[[contact]]", "{customer}", "{{ a }}-17", "u-{{ a }}", "#REF!", "#DIV/0!", "[object Undefined]",
     sha256(b"").hexdigest().upper(), sha256(b"null").hexdigest(), sha1(b"(not set)").hexdigest(), md5(b"").hexdigest(),
     "User-ID", "customer id", 0, -1, "none\u00a0", "\ufeffnull", "null\u200b", "N.A.", "n.a", "[object Promise]",
     "{!Contact.Id}", "{$customer.id}", "{% if a %}{{ a }}{% endif %}", "<?= $id ?>", "%s", "%(user_id)s",
     "%!s(<nil>)", "%7B%7Buser_id%7D%7D", "%24%7Bid%7D", "\\\\N", "0.00E+00"],
)  # fmt: skip
def test_what_programs_write_for_nothing_is_no_id(text: str | int) -> None:
    """By rule: zeros and dashes in any form, templates that nobody filled in, hashes of such texts."""
    assert normalise(text) is None


@pytest.mark.parametrize(
    "text",
    ["test", "other", "Other", "admin", "Nullerby", "Noneman", "guest17", "anna", "nana", "a0", "0a", "007", "10",
     "100",
     "-2", "-10", "1.0", "0-1", "{0f8fad5b-d9cb-469f-a165-70867728950e}", "id-17", "email@mail.example", "c{1}d", "50%",
     "user_17", "\u00e5sa", "\u65e5\u672c", "na\u00efve", sha256(b"jo@mail.example").hexdigest(), "#17", "x-0",
     "%7Bc-1%7D", "c\u200b1", "object 7", "n.a.b", "0e1", "0e0", "50%s", "%c-17",
     1, 100, 7],
)  # fmt: skip
def test_a_text_that_can_be_a_name_stays_one(text: str | int) -> None:
    """A word in a longer text, a number with another digit, an id in braces."""
    assert normalise(text) == str(text)


def test_every_word_is_written_out_too() -> None:
    """The quick test looks for the words themselves, the slow one for their patterns: both know the same words."""
    patterns = re.compile("|".join(WORDS))
    plain = {word for word in NOBODY if len(word) < 32}
    assert {word for word in plain if not patterns.fullmatch(word)} == set()
    for word in WORDS:
        assert any(re.fullmatch(word, text) for text in plain), word


@given(st.text(st.sampled_from("0-1 .{}$%#!?()<>[]|*na/es+\\N_id7bd\u00e5\ufeff"), max_size=8))
def test_the_published_pattern_says_the_same(text: str) -> None:
    """The schema of touchpoints refuses what is no id."""
    assert (PUBLISHED.search(text) is not None) is (normalise(text) is None)


def test_placeholders_merge_no_strangers() -> None:
    """The next alias stands for the customer."""
    ids = {"customer_id": "(not set)", "anonymous_id": "v-1", "email_sha256": sha256(b"").hexdigest()}
    assert KINDS.strongest(ids) == "anonymous_id:v-1"
    assert KINDS.others(ids, "anonymous_id:v-1") == ()


def test_a_hash_of_nothing_gets_no_key() -> None:
    """It would no longer be recognised, except by who has the key."""
    empty = sha256(b"").hexdigest()
    assert keyed(empty, "a key of some length") is None
    assert hidden({"email_sha256": empty.upper(), "phone": "+000000000"}, "a key of some length") == {
        "email_sha256": None
    }
    keyed_empty = keyed(sha256(b"jo@mail.example").hexdigest(), "a key of some length")
    assert keyed_empty is not None
    assert not nobodies("a key of some length") & {keyed_empty}
    assert len(nobodies("a key of some length")) == len(set(HASHED))


def test_an_installation_has_placeholders_of_its_own() -> None:
    """In any case and any brackets; those with digits too, and keyed hashes of nothing."""
    hashes = nobodies("a key of some length")
    kinds = kinds_of(["customer_id", "anonymous_id"], ["99999", "Walk-In", "Kasse 1"], hashes)
    for text in ["99999", 99999, "walk-in", "(WALK-IN)", " Walk-In ", "kasse 1", "KASSE 1", *hashes]:
        assert kinds.strongest({"customer_id": text, "anonymous_id": "a-1"}) == "anonymous_id:a-1"
        assert kinds.strongest({"customer_id": "c-1", "anonymous_id": text}) == "c-1"
    for text in ["99998", "walk", "kasse 2"]:
        assert kinds.strongest({"customer_id": text}) == text
        assert Kinds().strongest({"customer_id": text}) == text


@pytest.mark.parametrize("text", ["{" * 250, "{{" * 60 + "}" * 60 + "x", "-" * 250 + "x)", "*|" + "|" * 200, "%" * 250])
def test_no_text_makes_it_slow(text: str) -> None:
    """Every form is found in one pass or a few."""
    assert means_nobody(text) in (True, False)
