"""`tracker replay`, `compare` and files of events."""

import gzip
import io
import json
import random

import pytest

from streams.cli.main import main

STAGES = """
stages:
  - {name: visit, touchpoints: [{type: page}]}
  - {name: signup, touchpoints: [{type: signed up}]}
  - {name: pay, touchpoints: [{type: paid}]}
"""
LINES = [
    {"customer": "c1", "event": "page", "timestamp": "2026-11-22T10:00:00Z", "properties": {"plan": "pro"}},
    {"customer": "c1", "event": "signed up", "timestamp": "2026-11-22T10:01:00Z", "event_id": "x"},
    {"customer": "c1", "event": "signed up", "timestamp": "2026-11-22T10:01:00Z", "event_id": "x"},
    {"customer": "c2", "event": "page", "timestamp": "2026-11-22T10:02:00Z"},
    {"customer": "c2", "event": "page", "timestamp": "2026-11-22T10:02:00Z"},
    {"customer": "c1", "event": "paid", "timestamp": "2026-11-22T12:00:00.5Z"},
]


@pytest.fixture
def files(tmp_path):
    """A journey and a file of events."""
    (tmp_path / "journey.yaml").write_text(STAGES, encoding="utf-8")
    (tmp_path / "events.jsonl").write_text(text(LINES), encoding="utf-8")
    return tmp_path


def text(lines):
    return "".join(json.dumps(line) + "\n" for line in lines)


def run(capsys, *words):
    code = main([str(word) for word in words])
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    return code, said.out, said.err


def replay(capsys, files, *words, events="events.jsonl"):
    code, out, _ = run(capsys, "replay", files / "journey.yaml", files / events, "--json", *words)
    return code, json.loads(out)


def test_the_object(capsys, files):
    """The object has the keys of the contract, and no others."""
    code, printed = replay(capsys, files, "--customers", "--by", "properties.plan")
    assert code == 0
    assert list(printed) == ["journey", "version", "customers", "stages", "by", "events", "by_customer"]
    assert (printed["journey"], printed["version"], printed["customers"]) == ("journey", 1, 2)
    assert printed["stages"][1] == {
        "stage": "signup", "reached": 1, "current": 0, "dropped": 0, "waiting": 0, "funnel": 1,
        "seconds_to_reach": {"median": 60.0, "mean": 60.0, "n": 1},
    }  # fmt: skip
    assert list(printed["by"]) == ["pro", "(none)"]
    assert printed["events"] == {"applied": 5, "duplicate": 1, "late": 0, "rejected": 0}
    assert printed["by_customer"]["c1"] == {
        "current": "pay",
        "furthest": "pay",
        "reached": {
            "visit": "2026-11-22T10:00:00Z", "signup": "2026-11-22T10:01:00Z", "pay": "2026-11-22T12:00:00.500Z",
        },
        "funnel_depth": 3,
        "status": "active",
        "dropped_at": None,
        "recovered_at": None,
    }  # fmt: skip


def test_order_of_lines_changes_nothing(capsys, files):
    """Shuffled lines give the same object."""
    _, expected = replay(capsys, files, "--customers")
    for seed in range(5):
        shuffled = random.Random(seed).sample(LINES, len(LINES))
        (files / "shuffled.jsonl").write_text(text(shuffled), encoding="utf-8")
        assert replay(capsys, files, "--customers", events="shuffled.jsonl")[1] == expected


def test_gzip_and_stdin(capsys, files, monkeypatch):
    """Gzipped files and standard input are read like plain files, whatever they are called."""
    _, expected = replay(capsys, files)
    packed = gzip.compress((files / "events.jsonl").read_bytes())
    (files / "packed").write_bytes(packed)
    assert replay(capsys, files, events="packed")[1] == expected
    for data in (packed, gzip.decompress(packed)):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))
        code, out, _ = run(capsys, "replay", files / "journey.yaml", "-", "--json")
        assert (code, json.loads(out)) == (0, expected)


def test_until_cuts_off(capsys, files):
    """Events after --until have no effect."""
    _, printed = replay(capsys, files, "--until", "2026-11-22T11:00:00Z")
    assert [stage["reached"] for stage in printed["stages"]] == [2, 1, 0]
    assert printed["events"]["applied"] == 4


def test_lines_that_are_no_touchpoints_are_left_out(capsys, files):
    """Lines that are no touchpoints are counted and shown with their numbers; the rest is applied."""
    lines = ["nonsense", json.dumps(LINES[0]), "", "{}", json.dumps({**LINES[0], "timestamp": "soon"})]
    (files / "events.jsonl").write_text("\n".join(lines), encoding="utf-8")
    code, out, err = run(capsys, "replay", files / "journey.yaml", files / "events.jsonl", "--json")
    assert code == 0
    assert json.loads(out)["events"] == {"applied": 1, "duplicate": 0, "late": 0, "rejected": 3}
    assert [f"events.jsonl:{line}:" in err for line in (1, 2, 3, 4, 5)] == [True, False, False, True, True]


def test_a_long_line_is_one_rejection(capsys, files):
    """A line of many megabytes is left out, and what follows it is read."""
    long = json.dumps({**LINES[0], "properties": {"text": "x" * 3_000_000}})
    (files / "events.jsonl").write_text(f"{long}\n{json.dumps(LINES[0])}\n", encoding="utf-8")
    events = replay(capsys, files)[1]["events"]
    assert (events["applied"], events["rejected"]) == (1, 1)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", 0),
        (b"\n\n", 0),
        (b"\xef\xbb\xbf" + json.dumps(LINES[0]).encode(), 0),
        (b"nonsense\n", 1),
        (b"[1]\n", 1),
        (b"[\n{}\n]\n", 2),
        ("{}\n".encode("utf-16"), 2),
        (gzip.compress(text(LINES * 100).encode())[:-20], 2),
        (b"\x1f\x8b nonsense", 2),
    ],
)
def test_broken_files(capsys, files, data, code):
    """A broken file is one clear line and a named exit code."""
    (files / "events.jsonl").write_bytes(data)
    assert run(capsys, "replay", files / "journey.yaml", files / "events.jsonl", "--json")[0] == code


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["journey.yaml", "missing.jsonl"], 10),
        (["journey.yaml", "."], 2),
        (["missing.yaml", "events.jsonl"], 2),
        (["journey.yaml", "events.jsonl", "--by", "plan"], 2),
        (["journey.yaml", "events.jsonl", "--now", "soon"], 2),
        (["journey.yaml", "events.jsonl", "--explain", "nobody"], 10),
        (["journey.yaml", "-", "-"], 2),
        (["journey.yaml", "events.jsonl", "--since", "2026-11-02", "--until", "2026-11-01"], 2),
        (["journey.yaml", "events.jsonl", "--entered-since", "2026-11-02", "--entered-until", "2026-11-01"], 2),
    ],
)
def test_wrong_calls(capsys, files, monkeypatch, words, code):
    """A wrong call says what is wrong and ends with its exit code."""
    monkeypatch.chdir(files)
    assert run(capsys, "replay", *words)[0] == code


def test_for_a_person(capsys, files):
    """Without --json there is a table, without colours in a pipe."""
    code, out, err = run(
        capsys, "replay", files / "journey.yaml", files / "events.jsonl", "--customers", "--by", "properties.plan"
    )
    assert code == 0
    assert "signup" in out
    assert "1 h 59 m" in out
    assert "\033" not in out + err
    assert "6 events in" in err


def test_explain(capsys, files):
    """An explanation names each touchpoint, the rule it matched, what it changed, and what had no effect."""
    code, out, _ = run(capsys, "replay", files / "journey.yaml", files / "events.jsonl", "--explain", "c1")
    assert code == 0
    for words in ("entered the journey at visit", "signup, rule 1: signed up", "moved on from signup to pay",
                  "a duplicate: it counts once", "This is the last stage."):  # fmt: skip
        assert words in out


def test_explain_by_any_name(capsys, files):
    """An anonymous id explains the customer it was linked to later."""
    line = '{"ids": {"anonymous_id": "a1", "customer_id": "c1"}, "event": "said hello", "timestamp": 1795341600000}'
    (files / "hello.jsonl").write_text(line + "\n", encoding="utf-8")
    words = [files / "journey.yaml", files / "events.jsonl", files / "hello.jsonl", "--explain"]
    code, out, _ = run(capsys, "replay", *words, "anonymous_id:a1")
    assert (code, out) == run(capsys, "replay", *words, "c1")[:2]
    assert (code, out.split()[0]) == (0, "c1")


@pytest.mark.parametrize("hash_key", [None, "a key of the tests, long enough"])
@pytest.mark.parametrize("asked", [" Ann@Example.com", "0046701234567"])
def test_explain_by_an_address(capsys, files, monkeypatch, hash_key, asked):
    """Who is known by an address or a number alone is found by it, as an import hashed it."""
    if hash_key:
        monkeypatch.setenv("TRACKER_HASH_KEY", hash_key)
    (files / "map.yaml").write_text(
        "import: r\nids: {email_sha256: mail, phone_sha256: phone}\n"
        "touchpoints:\n  - {channel: web, type: visited, occurred_at: at}\n", encoding="utf-8"
    )  # fmt: skip
    (files / "rows.csv").write_text("mail,phone,at\nann@example.com,+46 70 123 45 67,2026-11-22 10:00\n", "utf-8")
    words = [files / "journey.yaml", files / "rows.csv", "--map", files / "map.yaml", "--explain"]
    code, out, _ = run(capsys, "replay", *words, asked)
    assert (code, out.partition(":")[0]) == (0, "email_sha256")
    assert run(capsys, "replay", *words, "bo@example.com")[0] == 10


def test_compare(capsys, files):
    """A comparison has the matrix of stages, the changed funnel and customers to look at."""
    (files / "new.yaml").write_text(STAGES.replace("type: paid", "type: paid twice"), encoding="utf-8")
    words = [files / "journey.yaml", files / "new.yaml", files / "events.jsonl"]
    code, out, _ = run(capsys, "compare", *words, "--json")
    printed = json.loads(out)
    assert code == 0
    assert (printed["customers"], printed["changed"], printed["deeper"], printed["shallower"]) == (2, 1, 0, 1)
    assert {"old": "pay", "new": "signup", "customers": 1, "sample": ["c1"]} in printed["matrix"]
    assert printed["stages"][2] == {
        "stage": "pay",
        "old": {"funnel": 1, "conversion": 0.5},
        "new": {"funnel": 0, "conversion": 0.0},
        "change": -0.5,
    }  # fmt: skip
    code, out, _ = run(capsys, "compare", *words)
    assert code == 0
    assert "pay → signup  1: c1" in out


def test_accounts_come_along_where_the_file_asks(capsys, files) -> None:
    """Two people who each went half of the way make one account that went all of it."""
    (files / "journey.yaml").write_text(f"{STAGES}accounts: {{rule: furthest, journey: firms}}\n", encoding="utf-8")
    steps = [("v1", "page", 10), ("v1", "signed up", 11), ("v2", "paid", 12)]
    lines = [
        {"ids": {"customer_id": one, "account_id": "acme"}, "event": event, "timestamp": f"2026-11-22T{hour}:00:00Z"}
        for one, event, hour in steps
    ]
    (files / "firms.jsonl").write_text(text(lines), encoding="utf-8")
    _, printed = replay(capsys, files, events="firms.jsonl")
    assert [stage["funnel"] for stage in printed["stages"]] == [1, 1, 0]
    accounts = printed["accounts"]
    assert (accounts["journey"], accounts["accounts"]) == ("firms", 1)
    assert [(stage["funnel"], stage["seconds_to_reach"]["median"]) for stage in accounts["stages"]] == [
        (1, None),
        (1, 3600.0),
        (1, 3600.0),
    ]
    assert "firms  1 accounts" in run(capsys, "replay", files / "journey.yaml", files / "firms.jsonl")[1]


def test_own_alias_kinds_count_in_a_replay_too(capsys, files, monkeypatch) -> None:
    """A device id names a customer only where TRACKER_ALIAS_KINDS lists its kind."""
    line = {"ids": {"device_id": "d1"}, "event": "page", "timestamp": "2026-11-22T10:00:00Z"}
    (files / "events.jsonl").write_text(text([line]), encoding="utf-8")
    call = ("replay", files / "journey.yaml", files / "events.jsonl", "--json")
    assert json.loads(run(capsys, *call)[1])["customers"] == 0
    monkeypatch.setenv("TRACKER_ALIAS_KINDS", "customer_id,device_id")
    assert json.loads(run(capsys, *call)[1])["customers"] == 1
    monkeypatch.setenv("TRACKER_ALIAS_KINDS", "device_id:x")
    code, _, said = run(capsys, *call)
    assert (code, "TRACKER_ALIAS_KINDS" in said) == (3, True)


@pytest.mark.parametrize("nobody", ["(not set)", "(none)", "#N/A", "{}", "0.0", "\\N", "{{user_id}}", "0" * 32])
def test_strangers_without_an_id_stay_strangers(capsys, files, nobody):
    """Two visitors with the same placeholder are two customers; a number of two shops names two as well."""
    lines = [
        {"ids": {"customer_id": nobody, "anonymous_id": f"v-{place}", "email_sha256": EMPTY}, "event": "page",
         "timestamp": "2026-01-05T10:00:00Z"}
        for place in (1, 2)
    ]  # fmt: skip
    lines += [{**lines[0], "ids": {f"woocommerce_customer@{shop}": "731"}} for shop in ("se", "no")]
    (files / "events.jsonl").write_text(text(lines), encoding="utf-8")
    _, printed = replay(capsys, files, "--customers")
    assert sorted(printed["by_customer"]) == [
        "anonymous_id:v-1", "anonymous_id:v-2", "woocommerce_customer@no:731", "woocommerce_customer@se:731",
    ]  # fmt: skip


EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_an_installation_says_what_is_no_id(capsys, files, monkeypatch):
    """The till's own customer is nobody where TRACKER_NO_IDS says so."""
    lines = [
        {"ids": {"customer_id": 99999, "anonymous_id": one}, "event": "page", "timestamp": 1_767_607_200_000}
        for one in "ab"
    ]
    (files / "events.jsonl").write_text(text(lines), encoding="utf-8")
    assert replay(capsys, files)[1]["customers"] == 1
    monkeypatch.setenv("TRACKER_NO_IDS", "walk-in, 99999")
    assert replay(capsys, files)[1]["customers"] == 2
