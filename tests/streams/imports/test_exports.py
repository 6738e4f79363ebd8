"""Exports as people have them: spellings of times, columns of JSON, columns that are missing, numbers that are none."""

import json
from pathlib import Path

import pytest

from streams.errors import ExitCode, TrackerError, UsageError
from streams.imports.files import rows
from streams.imports.mapping import load, read
from streams.imports.rows import RowFlaw, touchpoints

TABLES = Path(__file__).parents[3] / "examples" / "imports"
WEB = "import: r\nids: {customer_id: who}\ntouchpoints:\n  - {channel: web, type: A, occurred_at: at"


def table_of(text: str, source: str | None = None):
    """The table in a text, which has no problems."""
    table, problems = read(text, source=source)
    assert problems == []
    return table


def made(path: Path, table, told: list[str] | None = None) -> list:
    """The touchpoints of a file's rows, and the flaws of those that make none."""
    found = []
    for row in rows(str(path), "csv" if path.suffix == ".csv" else "jsonl", table, tell=(told or []).append):
        one = row.flaw or touchpoints(row.data, table)
        found += [one] if isinstance(one, RowFlaw) else one
    return found


def ga4(tmp_path, *events: dict) -> list:
    """GA4's events as touchpoints."""
    path = tmp_path / "export.jsonl"
    usual = {"user_pseudo_id": "p.77", "event_timestamp": "1767600000123456", "event_params": []}
    path.write_text("".join(json.dumps(usual | each) + "\n" for each in events))
    return made(path, load(TABLES / "ga4-export.yaml"))


@pytest.mark.parametrize("batch", [{"batch_page_id": "7", "batch_ordering_id": "1"}, {}])
def test_events_of_one_batch_are_several(tmp_path, batch) -> None:
    """GA4 stamps a whole batch with one time; the place in the batch tells its events apart."""
    found = ga4(
        tmp_path,
        *({"event_name": "add_to_cart", "batch_event_index": n, "items": [{"item_name": name}], **batch}
          for n, name in enumerate(("Lamp", "Chair", "Lamp"), 1)),
    )  # fmt: skip
    assert len({each.event_id for each in found}) == 3


def test_orders_without_a_number_are_several(tmp_path) -> None:
    """`(not set)` is no number: neither an event id nor an order_id; a real number is both."""
    none = {"transaction_id": "(not set)", "purchase_revenue": 30.5}
    found = ga4(
        tmp_path,
        *(
            {"event_name": "purchase", "event_timestamp": f"17676{day}0000123456", "ecommerce": none}
            for day in range(3)
        ),
        {"event_name": "purchase", "ecommerce": {"transaction_id": "1001"}},
    )
    assert len({each.event_id for each in found}) == 4
    assert ["order_id" in each.properties for each in found] == [False, False, False, True]
    assert found[3].event_id == "ga4/Order Completed/1001"


@pytest.mark.parametrize("nothing", ["n/a", "0", "NULL", "\\N", "(not set)", "undefined", ""])
def test_a_word_for_nothing_names_no_event(tmp_path, nothing) -> None:
    """Rows without a number of their own are events of their own."""
    path = tmp_path / "rows.csv"
    path.write_text(f"who,at,number\nc1,2026-01-05,{nothing}\nc1,2026-01-06,{nothing}\n")
    found = made(path, table_of(WEB + ", event_id: number}\n"))
    assert len({each.event_id for each in found}) == 2


def test_every_recommended_event_has_its_type(tmp_path) -> None:
    """GA4's events of online sales and leads are all in the table."""
    names = [
        "add_payment_info", "add_shipping_info", "add_to_cart", "add_to_wishlist", "begin_checkout",
        "purchase", "refund", "remove_from_cart", "select_item", "select_promotion", "view_cart",
        "view_item", "view_item_list", "view_promotion", "generate_lead", "qualify_lead",
        "disqualify_lead", "working_lead", "close_convert_lead", "close_unconvert_lead", "sign_up",
        "login", "search", "share", "view_search_results", "page_view",
    ]  # fmt: skip
    found = ga4(tmp_path, *({"event_name": name} for name in names))
    assert len(found) == len(names)
    assert not {each.type for each in found} & set(names)


def test_hubspots_eight_stages(tmp_path) -> None:
    """Each lifecycle stage that has a date is a touchpoint with the stage's name."""
    stages = {
        "a Subscriber": "Newsletter Subscribed", "a Lead": "Lead Created",
        "a Marketing Qualified Lead": "Lead Qualified",
        "a Sales Qualified Lead": "Lead Qualified", "an Opportunity": "Deal Created", "a Customer": "Customer Won",
        "an Evangelist": "Customer Advocated", "an Other Lifecycle": "Contact Updated",
    }  # fmt: skip
    path = tmp_path / "contacts.csv"
    path.write_text(
        ",".join(["Record ID", "Email", *(f"Became {name} Date" for name in stages)])
        + "\n501,ann@example.com," + ",".join(f"2026-01-0{day} 9:15" for day in range(1, 9)) + "\n"
    )  # fmt: skip
    told: list[str] = ["(told)"]
    found = made(path, load(TABLES / "hubspot-contacts.yaml", source="crm"), told)
    assert [each.type for each in found] == list(stages.values())
    assert len({each.properties["stage"] for each in found}) == 8
    assert found[0].ids["hubspot_contact@crm"] == "501"
    assert "no column 'Create Date': no row makes 'Contact Created'" in told


def test_a_day_is_not_before_what_came_first(tmp_path) -> None:
    """A lead that is converted, and a deal that is won, on the day on which it was made comes after that."""
    path = tmp_path / "leads.csv"
    path.write_text(
        "Id,Email,LeadSource,Status,IsConverted,CreatedDate,ConvertedDate,LastModifiedDate\n"
        "00Q1,a@example.com,Web,New,true,2026-02-18T10:17:02.000Z,2026-02-18,2026-02-18T11:00:00.000Z\n"
        "00Q2,b@example.com,Web,New,true,2026-02-18T10:17:02.000Z,2026-02-20,2026-02-18T11:00:00.000Z\n"
    )
    first, second, third, fourth = (each.occurred_at for each in made(path, load(TABLES / "salesforce-leads.yaml")))
    assert first == second == third
    assert fourth - third == 135_778_000
    text = "import: r\nids: {customer_id: who}\ntouchpoints:\n"
    text += "  - {channel: web, type: A, occurred_at: {from: at, not_before: [a, b]}}\n"
    rows_ = ("1,2026-02-18,,", "1,2026-02-18,2026-02-17,2026-02-18T00:00:01Z", "1,2026-02-18,soon,")
    path.write_text("\n".join(["who,at,a,b", *rows_]) + "\n")
    one, other, bad = made(path, table_of(text))
    assert other.occurred_at - one.occurred_at == 1000
    assert isinstance(bad, RowFlaw)


def test_a_person_gets_a_number(tmp_path) -> None:
    """A ticket that is exported before and after its requester has a customer number is one ticket of one person."""
    path = tmp_path / "tickets.jsonl"
    ticket = {"id": 612, "requester_id": 88001, "created_at": "2026-01-05T10:00:00Z",
              "updated_at": "2026-01-06T10:00:00Z", "status": "open"}  # fmt: skip
    path.write_text("".join(
        json.dumps(ticket | each) + "\n" for each in ({}, {"status": "solved", "requester": {"external_id": "c-9"}})
    ))  # fmt: skip
    found = made(path, load(TABLES / "zendesk-tickets.yaml", source="desk"))
    assert [each.type for each in found] == ["Ticket Opened", "Ticket Opened", "Ticket Solved"]
    assert found[0].event_id == found[1].event_id
    assert found[0].ids == {"zendesk_requester@desk": "88001"}
    assert found[1].ids == {"customer_id": "c-9", "zendesk_requester@desk": "88001"}


def test_numbers_are_scoped_by_their_source() -> None:
    """The table names the source or the call does; two sources have events of their own; without one it is asked."""
    text = WEB.replace("who", "ours, shop_customer@: who") + "}\n"
    row = {"who": "12", "ours": "c-1", "at": "2026-01-05"}
    (one,) = touchpoints(row, table_of(text, "shop-se"))
    (two,) = touchpoints(row, table_of(text + "source: shop-se\n"))
    (three,) = touchpoints(row, table_of(text + "source: shop-se\n", "shop-no"))
    assert one.ids == two.ids == {"shop_customer@shop-se": "12", "customer_id": "c-1"}
    assert three.ids == {"shop_customer@shop-no": "12", "customer_id": "c-1"}
    assert len({one.event_id.partition("/")[0], two.event_id.partition("/")[0], three.event_id.partition("/")[0]}) == 3
    assert "is a number of which system?" in read(text)[1][0].message


def test_a_sources_number_may_be_the_companys() -> None:
    """`customer_id: own` makes the system's number the customer_id, after the column that is one anyway."""
    text = "customer_id: own\n" + WEB.replace("who", "ours, shop_customer@: who") + "}\n"
    table = table_of(text)
    assert [one.ids for one in touchpoints({"who": "12", "at": "2026-01-05"}, table)] == [{"customer_id": "12"}]
    assert [one.ids for one in touchpoints({"who": "12", "ours": "9", "at": "2026-01-05"}, table)] == [
        {"customer_id": "9"}
    ]
    assert "`customer_id` can only be `own`" in read(text.replace("own", "theirs"))[1][0].message


@pytest.mark.parametrize(
    ("written", "moment_ms"),
    [("2026-01-05 10.42", 1_767_602_520_000), ("2026-01-05 7:05", 1_767_589_500_000),
     ("2026-01-05 6:49:18", 1_767_588_558_000)],
)  # fmt: skip
def test_times_are_read_as_people_write_them(tmp_path, written, moment_ms) -> None:
    """A dot between hours and minutes is a colon, and an hour needs no zero."""
    path = tmp_path / "rows.csv"
    path.write_text(f"who,at\nc1,{written}\n")
    (one,) = made(path, table_of("zone: Europe/Helsinki\n" + WEB + "}\n"))
    assert one.occurred_at == moment_ms


@pytest.mark.parametrize(
    ("written", "remedy"),
    [
        ("05/01/2026 10:42", 'write format: "%d/%m/%Y %H:%M" or format: "%m/%d/%Y %H:%M" in the table'),
        ("25.1.2026", 'write format: "%d.%m.%Y" in the table'),
        ("1767602520", "write as: seconds in the table"),
        ("in January", "say in the table how it is written"),
    ],
)
def test_a_time_that_is_not_read_names_the_remedy(tmp_path, written, remedy) -> None:
    """What could be two moments is refused, with the formats to choose from."""
    path = tmp_path / "rows.csv"
    path.write_text(f"who,at\nc1,{written}\n")
    (flaw,) = made(path, table_of(WEB + "}\n"))
    assert flaw.reason == "wrong_value" and remedy in flaw.detail


def test_a_column_of_json_is_read(tmp_path) -> None:
    """Warehouses export properties as JSON in a cell: a path leads into it, also into lists; broken JSON is told."""
    path = tmp_path / "rows.csv"
    cells = ['{""title"": ""Lamp"", ""items"": [{""sku"": 7}]}', "", "[broken", "plain"]
    path.write_text("who,at,properties\n" + "".join(f'c1,2026-01-05,"{cell}"\n' for cell in cells))
    table = table_of(WEB + ", properties: {title: properties.title, sku: properties.items.0.sku}}\n")
    one, empty, broken, plain = made(path, table)
    assert one.properties == {"title": "Lamp", "sku": 7}
    assert (empty.properties, plain.properties) == (None, None)
    assert broken == RowFlaw("wrong_value", "column 'properties': '[broken' is no JSON")


def test_json_in_json_is_read(tmp_path) -> None:
    """Exports of warehouses as JSONL hold such texts too."""
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"who": "c1", "at": "2026-01-05", "p": json.dumps({"title": "Lamp"})}) + "\n")
    (one,) = made(path, table_of(WEB + ", properties: {title: p.title}}\n"))
    assert one.properties == {"title": "Lamp"}


def test_a_missing_column_is_told_and_passed_over(tmp_path) -> None:
    """Where only optional fields need it; a condition's column that is missing makes its touchpoint impossible."""
    path = tmp_path / "rows.csv"
    path.write_text("who,at,campain\nc1,2026-01-05,spring\n")
    text = WEB + ", properties: {a: campaign, b: [x, who]}}\n  - {channel: web, type: B, occurred_at: then, if: then}\n"
    told: list[str] = ["(told)"]
    (one,) = made(path, table_of(text), told)
    assert one.properties == {"b": "c1"}
    assert told[1:] == [
        "no column 'then': no row makes 'B'",
        "no column 'campaign': it is left out; did you mean 'campain'?",
    ]


@pytest.mark.parametrize("header", ["who,when", "whom,at", "who,at"])
def test_a_column_that_is_needed_stops_the_import(tmp_path, header) -> None:
    """Without a time, an owner, or the number of the event, nothing can be made."""
    path = tmp_path / "rows.csv"
    path.write_text(header + "\nc1,2026-01-05\n")
    with pytest.raises(UsageError, match="no column"):
        made(path, table_of(WEB + ", event_id: number}\n"))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("hint", ["", "sep=;\n", '"sep=;"\r\n'])
def test_spreadsheets_files_are_read(tmp_path, encoding, hint) -> None:
    """UTF-16 with its mark and Excel's line `sep=;` are no obstacle; lines keep their numbers."""
    path = tmp_path / "rows.csv"
    mark = "\ufeff" if encoding.startswith("utf-16-") else ""
    path.write_bytes((mark + hint + "who;at\nĂ;2026-01-05\nb;never\n").encode(encoding))
    table = table_of(WEB + "}\n")
    assert [one.ids for one in made(path, table)[:1]] == [{"customer_id": "Ă"}]
    assert [row.line for row in rows(str(path), "csv", table)] == ([3, 4] if hint else [2, 3])


def test_long_files_of_utf_16_are_read(tmp_path) -> None:
    """Line by line, whatever the size of what is read at once."""
    path = tmp_path / "rows.csv"
    path.write_bytes(("who,at\n" + "".join(f"ü{n},2026-01-05\n" for n in range(90_000))).encode("utf-16"))
    found = made(path, table_of(WEB + "}\n"))
    assert (len(found), found[-1].ids) == (90_000, {"customer_id": "ü89999"})


@pytest.mark.parametrize("encoding", ["utf-32", "utf-16-le"])
def test_other_encodings_get_a_csvs_remedy(tmp_path, encoding) -> None:
    """A file in an encoding that nothing says is refused, with what to save it as."""
    path = tmp_path / "rows.csv"
    path.write_bytes("who,at\nc1,2026-01-05\n".encode(encoding))
    with pytest.raises(TrackerError) as raised:
        made(path, table_of(WEB + "}\n"))
    assert (raised.value.exit_code, raised.value.remedy) == (ExitCode.USAGE, "save it as CSV UTF-8")


def test_an_empty_file_is_told(tmp_path) -> None:
    """A CSV without a line of names says so, and not that it has none of the table's columns."""
    path = tmp_path / "orders.csv"
    path.write_text("")
    with pytest.raises(UsageError, match="no column names"):
        made(path, load(TABLES / "orders.yaml"))


def test_an_object_without_members(tmp_path) -> None:
    """A column of JSON may say `null` or `[]` where there are no properties; other texts are no object."""
    path = tmp_path / "rows.csv"
    path.write_text("who,at,js\n1,2026-01-05,null\n2,2026-01-05,[]\n3,2026-01-05,{}\n4,2026-01-05,[1]\n")
    *good, bad = made(path, table_of(WEB + ', properties: {"*": js}}\n'))
    assert [each.properties for each in good] == [None] * 3
    assert isinstance(bad, RowFlaw)
