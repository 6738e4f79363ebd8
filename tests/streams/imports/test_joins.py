import pytest

from streams.imports.joins import MAX_GROUPS, Joins


def said(*touchpoints: tuple[str, dict], most: int = 200_000) -> list[str]:
    """What is said of touchpoints, each with its group and its ids."""
    joins = Joins(most=most)
    for group, ids in touchpoints:
        joins.see(group, ids)
    return list(joins.sentences())


def many(group: str, kind: str, count: int = 10, **more: str) -> list[tuple[str, dict]]:
    """Customers of a group, each with an id of the kind; `more` are ids with the customer's number after them."""
    return [(group, {kind: f"{group}-{n}"} | {each: f"{text}{n}" for each, text in more.items()}) for n in range(count)]


def test_groups_that_share_nobody_are_told() -> None:
    """With the smaller one's size and what would help; a bridge that ties a single customer is enough to be silent."""
    apart = [*many("web", "anonymous_id", 20), *many("shop", "customer_id", 15)]
    (sentence,) = said(*apart)
    assert sentence.startswith("Of 15 customers of `shop` none was ever seen on `web`. Add an id under `ids`")
    assert said(*apart, ("web", {"anonymous_id": "web-3", "customer_id": "shop-3"})) == []


def test_ties_go_through_several_ids() -> None:
    """A visitor, an address and a number are one customer, in whichever order the ties come."""
    ties = [*many("web", "anonymous_id", email_sha256="m"), *many("shop", "customer_id", email_sha256="m")]
    assert said(*ties) == said(*reversed(ties)) == []


def test_few_customers_say_nothing() -> None:
    """In a sample of three, that none is in the other is no sign."""
    assert said(*many("web", "anonymous_id", 3), *many("shop", "customer_id", 15)) == []


@pytest.mark.parametrize("kind", ["customer_id", "shop_customer@se"])
def test_addresses_that_two_numbers_claim_are_told(kind) -> None:
    """Two numbers of one kind are two people; numbers of two systems may be one person's."""
    two = [*many("web", kind, email_sha256="m"), *many("shop", kind, email_sha256="m")]
    apart, claimed = said(*two)
    assert claimed.startswith("10 addresses are claimed by two numbers; the older claim counts.")
    assert apart.startswith("Of 10 customers of `shop` none was ever seen on `web`.")
    assert said(*many("web", "customer_id", email_sha256="m"), *many("shop", "crm_contact@c", email_sha256="m")) == []


@pytest.mark.parametrize(
    ("one", "two"), [("12345", "12345.0"), ("A-17", "a-17"), ("17", "17.00"), ("a 17", "a17"), ("Ab", "aB")]
)  # fmt: skip
def test_ids_that_look_alike_are_told(one, two) -> None:
    """They differ by what a spreadsheet or a person adds, and count as two customers."""
    (sentence,) = said(("shop", {"customer_id": one}), ("shop", {"customer_id": two}))
    assert sentence.startswith(f"1 id of `customer_id` is written in two ways ({one!r} and {two!r})")
    assert said(("shop", {"customer_id": one}), ("shop", {"anonymous_id": two})) == []


@pytest.mark.parametrize(("one", "two"), [("12345", "123450"), ("1.5", "15"), ("v1.0", "v1"), ("17", "17.5")])
def test_ids_that_differ_in_earnest_are_not(one, two) -> None:
    """Nothing is said of two numbers."""
    assert said(("shop", {"customer_id": one}), ("shop", {"customer_id": two})) == []


def test_words_for_nothing_and_accounts_tie_nobody() -> None:
    """As in the identity engine."""
    ids = {"account_id": "a", "email_sha256": "none", "phone_sha256": None}
    apart = [*many("web", "anonymous_id"), *many("shop", "customer_id")]
    (sentence,) = said(*((group, {**known, **ids}) for group, known in apart))
    assert "none was ever seen" in sentence


def test_only_the_first_groups_are_compared() -> None:
    """A column of channels may name another one in each row: pairs of groups grow with their square."""
    rows = [each for n in range(2_000) for each in many(f"g{n}", "customer_id")]
    assert len(said(*rows)) == MAX_GROUPS * (MAX_GROUPS - 1) / 2


def test_memory_is_bounded() -> None:
    """Of a large file the first ids are looked at, and that is said."""
    assert said(*many("web", "customer_id", 100), most=50) == ["Only the first 50 ids were looked at."]
