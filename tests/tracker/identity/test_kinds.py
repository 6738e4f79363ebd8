import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.touchpoint import ALIAS_KINDS, MAX_ID_BYTES
from tracker.identity.kinds import KINDS, MAX_ALIASES, AliasTooLong, kinds_of, name, normalise, strongest


def test_the_strongest_alias_stands_for_the_customer() -> None:
    """The order of kinds decides, not the order in which a producer wrote them."""
    ids = {"account_id": "acme", "anonymous_id": "a-17", "customer_id": "c-1"}
    assert strongest(ids) == "c-1"
    assert strongest(dict(reversed(ids.items()))) == "c-1"
    del ids["customer_id"]
    assert strongest(ids) == "anonymous_id:a-17"


@pytest.mark.parametrize(
    "value", [None, "", "  ", "null", "NULL", " None ", "-1", "0", 0, -1, "anonymous", "undefined", "a\0b", "\u200f"]
)
def test_what_means_nobody_is_no_id(value) -> None:
    """Placeholders fall through to the next alias, else strangers would become one customer."""
    assert normalise(value) is None
    assert strongest({"customer_id": value, "account_id": "acme"}) == "account_id:acme"
    assert strongest({"customer_id": value}) is None


def test_unknown_kinds_are_no_ids() -> None:
    """An alias of a kind that nobody declared identifies nobody."""
    assert strongest({"session_id": "s-1"}) is None


def test_one_id_written_in_two_ways_is_one() -> None:
    """Composed or decomposed letters, blanks around, a number or its digits: the same customer."""
    assert normalise("e\u0301va ") == normalise("\u00e9va")
    assert normalise(17) == normalise(" 17")


@pytest.mark.parametrize(("letter", "count"), [("x", MAX_ID_BYTES), ("\u00e9", MAX_ID_BYTES // 2)])
def test_the_bound_counts_bytes(letter: str, count: int) -> None:
    """Exactly the bound is an id, one byte more is none."""
    assert normalise(letter * count) == letter * count
    with pytest.raises(AliasTooLong):
        normalise(letter * count + "x")


KINDS_DRAWN = [*ALIAS_KINDS, "shop_customer@se", "shop_customer@no"]
VALUES = ["a", "anonymous_id:a", "shop_customer@se:a"]
aliases = st.tuples(st.sampled_from(KINDS_DRAWN), st.text(min_size=1) | st.sampled_from(VALUES))


@given(aliases, aliases)
def test_strangers_never_share_a_name(one: tuple[str, str], other: tuple[str, str]) -> None:
    """Two aliases have the same name only if they are the same alias."""
    assert (name(*one) == name(*other)) == (one == other)


def test_a_customer_id_that_reads_like_an_alias_is_not_that_alias() -> None:
    """Whoever signs up as `anonymous_id:a` does not become the stranger `a`."""
    assert strongest({"customer_id": "anonymous_id:a"}) != strongest({"anonymous_id": "a"})


def test_all_kinds_but_accounts_go_along() -> None:
    """An alias that reads as the customer_id does is one like any other; what is no id is none."""
    ids = {"email_sha256": "c1", "account_id": "acme", "customer_id": "c1", "anonymous_id": "c1", "phone_sha256": "0"}
    assert set(KINDS.others(ids, "c1")) == {"anonymous_id:c1", "email_sha256:c1"}
    assert KINDS.others({"customer_id": " c1 "}, "c1") == ()


def test_kinds_can_be_ones_own() -> None:
    """Their order is their strength, and a limit stands behind its kind."""
    kinds = kinds_of(["customer_id", "account_no", "device_id:10", "account_id"])
    ids = {"device_id": "d", "account_no": 7, "anonymous_id": "a", "account_id": "acme"}
    assert kinds.strongest(ids) == "account_no:7"
    assert kinds.others(ids, "account_no:7") == ("device_id:d",)
    assert (kinds.limits, kinds.least_limit, kinds.limit) == ({"device_id": 10}, 10, MAX_ALIASES)
    assert not kinds.is_unique("device_id:d")


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["anonymous_id"],
        ["anonymous_id", "customer_id"],
        ["customer_id", "customer_id"],
        ["customer_id", "device id"],
        ["customer_id", "Device"],
        ["customer_id", "device:"],
        ["customer_id", "device:0"],
        ["customer_id", "device:101"],
        ["customer_id", "device:many"],
        ["customer_id", "7up"],
        ["customer_id", ""],
    ],
)
def test_nonsense_is_no_list_of_kinds(words: list[str]) -> None:
    """It is refused with what is allowed."""
    with pytest.raises(ValueError, match="customer_id first"):
        kinds_of(words)


def test_a_number_belongs_to_the_system_that_gave_it() -> None:
    """Two shops' customer 731 are two names, and so are the 12 of a shop and of a help desk."""
    one, other = strongest({"woocommerce_customer@shop-se": "731"}), strongest({"woocommerce_customer@shop-no": 731})
    assert (one, other) == ("woocommerce_customer@shop-se:731", "woocommerce_customer@shop-no:731")
    assert KINDS.kind_of("woocommerce_customer@shop-se:731") == "woocommerce_customer@shop-se"
    assert KINDS.links("woocommerce_customer@shop-se:731")
    assert not KINDS.is_unique("woocommerce_customer@shop-se:731")


def test_a_scoped_number_is_weaker_than_a_customer_id_alone() -> None:
    """It stands for the customer beside a cookie and an address; of two, the first by name does."""
    ids = {"anonymous_id": "a", "zendesk_requester@desk": 7, "shopify_customer@shop": 12, "email_sha256": "e"}
    assert strongest(ids) == "shopify_customer@shop:12"
    assert KINDS.others(ids, "shopify_customer@shop:12") == (
        "anonymous_id:a",
        "zendesk_requester@desk:7",
        "email_sha256:e",
    )
    assert strongest({**ids, "customer_id": "c-1"}) == "c-1"
    names = ["c-1", "shopify_customer@shop:12", "anonymous_id:a", "email_sha256:e"]
    assert sorted(names, key=KINDS.strength) == names
    assert kinds_of(["customer_id"]).strongest({"zendesk_requester@desk": 7}) == "zendesk_requester@desk:7"


@pytest.mark.parametrize(
    "kind", ["shop@", "@shop", "Shop@se", "shop@se no", "shop@se:1", "shop@a@b", "7up@se", "shop@é"]
)
def test_what_does_not_read_as_a_scoped_kind_is_no_kind(kind: str) -> None:
    """It identifies nobody, as any unknown kind."""
    assert strongest({kind: "12"}) is None
    assert KINDS.others({"customer_id": "c", kind: "12"}, "c") == ()


def test_a_scoped_placeholder_is_no_id() -> None:
    """A guest's number 0 falls through to the next alias."""
    assert strongest({"woocommerce_customer@shop": 0, "anonymous_id": "a"}) == "anonymous_id:a"


@pytest.mark.parametrize("value", ["woocommerce_customer@shop:731", "a@b:", "anonymous_id:a"])
def test_a_customer_id_that_reads_like_another_name_gets_the_prefix(value: str) -> None:
    """So nobody becomes another person by choosing such an id."""
    name = strongest({"customer_id": value})
    assert name == f"customer_id:{value}"
    assert KINDS.kind_of(name) == "customer_id"
    assert KINDS.is_unique(name)
