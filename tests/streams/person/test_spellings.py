"""A person is found by an address or a telephone number, as the collector has hashed it."""

import pytest

from streams.errors import ExitCode, TrackerError, UsageError
from streams.person.identity import whole
from streams.person.show import find, follow
from streams.person.spellings import is_address, spellings
from tests.flow.harness import World, crash_at, run_through
from tests.streams.person.test_identity import PARTITIONS, see, store_of
from tests.virtual_time import run
from tracker.identity.kinds import KINDS
from tracker.identity.pseudonym import email_sha256, hidden, phone_sha256

KEY = "a key of some length"
JO, NUMBER = "jo@mail.example", "+46 70-123 45 67"


def stored(*ids: dict[str, str], key: str | None = KEY, treatment: str = "keyed"):
    """A store after one touchpoint under each of these ids, hashed as the collector does."""
    world = World(PARTITIONS)
    for place, one in enumerate(ids):
        see(world, f"e{place}", **hidden(one, key, treatment))
    world.turn(10 * 3_600_000)
    run(run_through(world, crash_at(), batch=10))
    return store_of(world)


@pytest.mark.parametrize("kind", ["customer_id", "email", "anonymous_id"])
@pytest.mark.parametrize("asked", [JO, " Jo@Mail.Example "])
def test_an_address_finds_its_person(kind: str, asked: str) -> None:
    """Whether a source sent it as the user's id or as an address, however it is written."""
    client = stored({kind: JO, "anonymous_id": "a-1"} if kind != "anonymous_id" else {kind: JO, "customer_id": "c-1"})
    identity = whole(client, asked, PARTITIONS, hash_key=KEY)
    assert {"customer_id": "hmac-", "email": "anonymous_id:a-1", "anonymous_id": "c-1"}[kind] in identity.customer
    assert follow(client, asked, PARTITIONS, hash_key=KEY)[0].customer == identity.customer


@pytest.mark.parametrize("asked", [NUMBER, "+46701234567", "0046701234567", "phone_sha256:+46701234567"])
def test_a_telephone_number_finds_its_person(asked: str) -> None:
    """With signs and blanks or without, with + or 00, with its kind or without."""
    client = stored({"customer_id": "c-1", "phone": NUMBER})
    assert follow(client, asked, PARTITIONS, hash_key=KEY)[0].customer == "c-1"


@pytest.mark.parametrize("treatment", ["sha256", "keep"])
def test_an_address_without_a_keyed_hash_is_found_too(treatment: str) -> None:
    """A source may send plain hashes, or keep the address."""
    client = stored({"customer_id": JO}, treatment=treatment)
    assert find(client, JO, PARTITIONS, hash_key=KEY).customer in {JO, email_sha256(JO)}
    assert find(client, JO, PARTITIONS).customer in {JO, email_sha256(JO)}


def test_without_the_key_the_error_says_so() -> None:
    """With another key than the collector's, it asks to compare them."""
    client = stored({"customer_id": "c-1", "email": JO})
    for key, remedy in ((None, "Set TRACKER_HASH_KEY"), ("another key, also long", "Compare TRACKER_HASH_KEY")):
        with pytest.raises(TrackerError, match=r"no customer 'jo@mail\.example'") as error:
            find(client, JO, PARTITIONS, hash_key=key)
        assert (error.value.exit_code, error.value.remedy[: len(remedy)]) == (ExitCode.NOT_FOUND, remedy)


def test_what_means_several_customers_lists_them() -> None:
    """An address that is one person's id and another person's address; an id of two kinds."""
    world = World(PARTITIONS)
    see(world, "e1", customer_id=JO)
    see(world, "e22", customer_id="c-2", **hidden({"email": JO}, KEY))
    see(world, "e333", anonymous_id="9")
    see(world, "e4444", email_sha256="9")
    run(run_through(world, crash_at(), batch=10))
    client = store_of(world)
    with pytest.raises(UsageError, match=r"several customers: '.*' of 'c-2', 'jo@mail.example' of 'jo@mail.example'"):
        find(client, JO, PARTITIONS, hash_key=KEY)
    with pytest.raises(UsageError, match="'anonymous_id:9', 'email_sha256:9' of 'email_sha256:9'"):
        find(client, "9", PARTITIONS)
    assert find(client, "email_sha256:9", PARTITIONS).customer == "email_sha256:9"
    assert whole(client, "c-2", PARTITIONS).customer == "c-2"


def test_a_number_of_a_system_is_found_by_its_name() -> None:
    """It is no address, though it holds an @."""
    client = stored({"woocommerce_customer@shop.example": "731", "anonymous_id": "a-1"})
    name = "woocommerce_customer@shop.example:731"
    assert not is_address(name)
    assert find(client, name, PARTITIONS, hash_key=KEY).customer == name
    assert find(client, "woocommerce_customer@shop.example: 731 ", PARTITIONS).customer == name
    assert follow(client, "a-1", PARTITIONS)[0].customer == name


def test_the_likeliest_name_is_tried_first() -> None:
    """The text itself, then each kind; the keyed hash before the plain one."""
    assert spellings(" 7 ")[:3] == [" 7 ", "7", "anonymous_id:7"]
    names = spellings(JO, KINDS, KEY)
    keyed, plain = hidden({"email": JO}, KEY)["email_sha256"], email_sha256(JO)
    assert names.index(keyed) < names.index(f"email_sha256:{keyed}") < names.index(plain)
    assert phone_sha256(NUMBER) in spellings("0046701234567")
    assert spellings("null") == ["null"]
    assert spellings("x" * 300) == ["x" * 300]
