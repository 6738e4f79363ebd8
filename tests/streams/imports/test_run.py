import gzip
import json
from hashlib import sha256
from pathlib import Path

import pytest

from streams.collector.personal import Pseudonyms
from streams.errors import Mismatch, UsageError
from streams.imports.files import format_of, rows
from streams.imports.mapping import load
from streams.imports.run import Import, Notes
from streams.sdk.producer import Producer, Undelivered
from tests.streams.broker import Broker

SAMPLES = Path(__file__).parent / "samples"
SAY_HOW = '; say in the table how it is written, as in format: "%d/%m/%Y %H:%M"'
TABLES = Path(__file__).parents[3] / "examples" / "imports"


def run(
    name, path: Path | None = None, broker: Broker | None = None, notes: Notes | None = None, hash_key=None, **options
):
    """An import of a sample by its own table: what came of it, and what was sent."""
    path = path or next(SAMPLES.glob(f"{name}.*"))
    table = load(TABLES / f"{name}.yaml")
    broker = broker or Broker()
    source = rows(str(path), format_of(path.name), table)
    sender = Producer(broker, hash_key=hash_key)
    tally = Import(source, table, sender, notes, **options).run(notes.begin(again=False) if notes else None)
    return tally, [json.loads(value) for _, value, _ in broker.sent]


def test_orders_of_a_spreadsheet() -> None:
    """Comma decimals, a zone, hashed addresses, conditions; each bad row is listed with its line and reason."""
    tally, sent = run("orders")
    assert (tally.rows, tally.touchpoints, tally.without) == (7, 2, 1)
    assert [(each["event_id"], each["properties"]["amount"]) for each in sent] == [
        ("orders/Order Completed/1001", 1049.9), ("orders/Order Completed/1002", 20),
    ]  # fmt: skip
    assert sent[0]["occurred_at"] == 1_795_179_900_000
    assert sent[0]["ids"] == {"customer_id": "c-17", "email_sha256": sha256(b"ann@example.com").hexdigest()}
    assert sent[1]["properties"]["status"] == "paid"
    assert tally.examples == [
        "line 5: no_id: 'customer', 'mail': all are empty",
        f"line 6: wrong_value: column 'placed': 'yesterday' is no time as 2026-11-22T10:00:00Z is{SAY_HOW}",
        "line 7: wrong_value: column 'total': 'a lot' is no number",
        "line 9: wrong_columns: 4 cells, but 7 columns",
    ]


def test_ga4() -> None:
    """Parameters are found by key, microseconds are read, the login wins over the device."""
    tally, sent = run("ga4-export")
    assert tally.by_type == {"web: Page Viewed": 1, "web: Product Viewed": 1, "shop: Order Completed": 1}
    assert tally.without == 1
    page, product, order = sent
    assert page["properties"] == {"path": "/spring", "title": "Spring"}
    assert page["context"] == {"campaign": "spring", "country": "Sweden", "device": "mobile"}
    assert (page["occurred_at"], page["ids"]) == (1_795_258_800_123, {"anonymous_id": "12.34"})
    assert product["properties"] == {"product": "lamp", "price": 19.5, "currency": "EUR"}
    assert order["ids"] == {"customer_id": "c-17", "anonymous_id": "12.34"}


def test_hubspot() -> None:
    """A contact makes a touchpoint for each stage that has a date."""
    tally, sent = run("hubspot-contacts")
    assert [each["type"] for each in sent] == ["Contact Created", "Lead Qualified", "Customer Won", "Contact Created"]
    assert not tally.rejected


def test_zendesk() -> None:
    """A ticket is opened, solved and rated; a rating that was not given makes nothing."""
    _, sent = run("zendesk-tickets")
    both = {"customer_id": "c-17", "zendesk_requester@zendesk": "20978392"}
    assert [(each["type"], each["ids"]) for each in sent] == [
        ("Ticket Opened", both), ("Ticket Solved", both), ("Satisfaction Rated", both),
        ("Ticket Opened", {"zendesk_requester@zendesk": "20978393"}),
    ]  # fmt: skip
    assert sent[2]["properties"] == {"ticket_id": "35436", "score": 5, "scale": "csat"}


@pytest.mark.parametrize("word", ["n/a", "null", "-", "(none)", "{{email}}", "0"])
def test_a_word_for_nothing_is_an_empty_id(tmp_path, word) -> None:
    """An order is its customer's also where the shop wrote a word for nothing in place of the address."""
    order = {"id": 1, "status": "completed", "customer_id": 12, "billing": {"email": word}, "total": "5.00",
             "date_created_gmt": "2026-01-01T10:00:00", "date_paid_gmt": "2026-01-01T10:05:00"}  # fmt: skip
    file = tmp_path / "orders.jsonl"
    file.write_text("".join(json.dumps(order | {"id": n, "customer_id": c}) + "\n" for n, c in ((1, 12), (2, 0))))
    tally, sent = run("woocommerce-orders", file)
    assert {tuple(one["ids"].items()) for one in sent} == {(("woocommerce_customer@shop", "12"),)}
    assert dict(tally.rejected) == {"no_id": 1}


def test_an_address_is_keyed_as_at_the_collectors_door() -> None:
    """With a key for hashes, both doors make the same one of the same address."""
    key = "k" * 32
    _, sent = run("orders", hash_key=key)
    assert sent[0]["ids"] == Pseudonyms(key).ids({"customer_id": "c-17", "email": "ann@example.com"}, "keyed")


def orders(path: Path, numbers: range) -> Path:
    """A file of good orders, one bad row after every ten."""
    lines = [f"{n};{'c-1' if n % 10 else ''};;2026-11-20 14:05;1,0;paid;\n" for n in numbers]
    with path.open("a", encoding="utf-8") as file:
        if not file.tell():
            file.write("order;customer;mail;placed;total;state;campaign\n")
        file.writelines(lines)
    return path


def notes_of(path: Path, table: bytes = b"table") -> Notes:
    return Notes(path, table, path.with_suffix(".position"), path.with_suffix(".rejected"))


class Falling(Broker):
    """A broker that falls at the third flush."""

    flushes = 0

    def flush(self, timeout):
        self.flushes += 1
        self.refuses = RuntimeError("gone") if self.flushes == 3 else None
        super().flush(timeout)


def test_a_run_that_fell_goes_on_where_it_was_confirmed(tmp_path) -> None:
    """Every row is imported, the block in flight twice with the same ids; bad rows are kept once each."""
    path = orders(tmp_path / "orders.csv", range(100))
    broker = Falling()
    with pytest.raises(Undelivered):
        run("orders", path, broker, notes_of(path), block_rows=20)
    tally, sent = run("orders", path, broker, notes_of(path), block_rows=20)
    assert (tally.begins_at, tally.rows) == (40, 60)
    assert len(sent) == 90 + 18
    assert len({each["event_id"] for each in sent}) == 90
    kept = [json.loads(line) for line in notes_of(path).rejected.read_text().splitlines()]
    assert [each["line"] for each in kept] == list(range(2, 102, 10))
    assert kept[1]["row"]["order"] == "10"


def test_a_stopped_run_leaves_a_whole_block(tmp_path) -> None:
    """Asked to stop, it confirms what it has begun, and the next run does the rest."""
    path = orders(tmp_path / "orders.csv", range(100))
    table = load(TABLES / "orders.yaml")
    source = rows(str(path), "csv", table)
    running = Import(source, table, Producer(Broker()), notes_of(path), block_rows=30)

    def stop(_touchpoint) -> None:
        running.stopped = True

    assert running.run(None, stop).rows == 30
    assert run("orders", path, notes=notes_of(path))[0].rows == 70


def test_a_file_that_grew_is_gone_on_with(tmp_path) -> None:
    """What is done is not done again; only what was added is."""
    path = orders(tmp_path / "orders.csv", range(30))
    run("orders", path, notes=notes_of(path))
    assert run("orders", path, notes=notes_of(path))[0].rows == 0
    orders(path, range(30, 37))
    tally, sent = run("orders", path, notes=notes_of(path))
    assert (tally.begins_at, tally.rows) == (30, 7)
    assert sent[0]["event_id"] == "orders/Order Completed/31"


def test_another_file_or_table_does_not_go_on(tmp_path) -> None:
    """A position belongs to one file and one table."""
    path = orders(tmp_path / "orders.csv", range(30))
    run("orders", path, notes=notes_of(path))
    with pytest.raises(Mismatch, match="another mapping table"):
        notes_of(path, b"other").begin(again=False)
    path.write_text("x" + path.read_text()[1:])
    with pytest.raises(Mismatch, match=r"another orders\.csv"):
        notes_of(path).begin(again=False)
    assert notes_of(path).begin(again=True) is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("order,customer\n", r"no column .*'placed'"),
        ("", "no column"),
        ("order;customer;mail;placd;total;state;campaign\n", r"no column 'placed'.*(?i:did you mean 'placd')"),
        ("order;order;customer;mail;placed;total;state;campaign\n", "'order' is there twice"),
    ],
)
def test_a_file_that_does_not_fit_its_table(tmp_path, content, message) -> None:
    """Said before anything is sent, with what the file has instead."""
    path = tmp_path / "orders.csv"
    path.write_text(content)
    with pytest.raises(UsageError, match=message):
        run("orders", path)


def test_broken_lines_are_rows_like_others(tmp_path) -> None:
    """What cannot be read is rejected with its line; the rest is imported, also from a gzipped file."""
    path = tmp_path / "tickets.jsonl.gz"
    good = (SAMPLES / "zendesk-tickets.jsonl").read_bytes()
    path.write_bytes(gzip.compress(b'{"id": 1,\n\n[1]\n' + b"[" * 10_000 + b'\n{"id":"\xff"}\n' + good))
    tally, sent = run("zendesk-tickets", path)
    assert (tally.rows, tally.rejected, len(sent)) == (6, {"not_json": 4}, 4)
    assert [each.split(":")[0] for each in tally.examples] == ["line 1", "line 3", "line 4", "line 5"]


def test_bytes_that_are_no_text_are_reported(tmp_path) -> None:
    """A file in another encoding is not guessed at."""
    path = orders(tmp_path / "orders.csv", range(1, 2))
    path.write_bytes(path.read_bytes() + b"2;c-\xe5;;2026-11-20 14:05;1,0;paid;\n")
    tally, _ = run("orders", path)
    assert (tally.touchpoints, tally.rejected) == (1, {"not_text": 1})
