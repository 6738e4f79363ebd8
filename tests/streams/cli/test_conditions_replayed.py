"""`tracker check` and `replay` with conditions into lists, and with what is not the customer's activity."""

import json

import pytest

from streams.cli.main import main

EVENT = """\
{"customer": "c1", "event": "Order Completed", "timestamp": "2026-01-05T10:00:00Z", "properties": \
{"products": [{"category": "shoes"}, {"category": "hats"}], "utm.source": "mail"}}
"""


@pytest.mark.parametrize(
    ("place", "value", "reached"),
    [
        ("properties.products.0.category", "shoes", 1),
        ("properties.products.0.category", "hats", 0),
        ("properties.products.*.category", "hats", 1),
        ('properties."utm.source"', "mail", 1),
        ("properties.utm.source", "mail", 0),
    ],
)
def test_an_order_is_found_by_its_products(tmp_path, capsys, place, value, reached) -> None:
    """An order with a list of products is found by the first of them, by any, and by a name with a dot."""
    journey, events = tmp_path / "j.yaml", tmp_path / "events.jsonl"
    journey.write_text(
        f"journey: t\nstages: [{{name: it, touchpoints: [{{type: Order Completed, where: {{{place}: {value}}}}}]}}]\n",
        encoding="utf-8",
    )
    events.write_text(EVENT, encoding="utf-8")
    assert main(["check", str(journey)]) == 0
    capsys.readouterr()
    assert main(["replay", str(journey), str(events), "--json"]) == 0
    assert f'"reached": {reached}' in capsys.readouterr().out.replace("\n", " ")


SILENCE = """\
journey: t
stages:
  - {name: look, touchpoints: [{type: A}], drops_after: 7d}
  - {name: buy, touchpoints: [{type: B}]}
"""
MAILED = """\
{"customer": "c1", "event": "A", "timestamp": "2026-01-01T10:00:00Z"}
{"customer": "c1", "event": "Winback Mail Sent", "timestamp": "2026-01-09T10:00:00Z"}
"""


@pytest.mark.parametrize(("key", "status"), [("", "waiting"), ("not_activity: {type: Winback Mail Sent}\n", "dropped")])
def test_a_mail_that_was_sent(tmp_path, capsys, key, status) -> None:
    """A customer who was mailed after dropping off has dropped off, where the file says whose doing the mail is."""
    (tmp_path / "j.yaml").write_text(SILENCE + key, encoding="utf-8")
    (tmp_path / "e.jsonl").write_text(MAILED, encoding="utf-8")
    words = ["replay", str(tmp_path / "j.yaml"), str(tmp_path / "e.jsonl"), "--now", "2026-01-10T00:00:00Z"]
    assert main([*words, "--customers", "--json"]) == 0
    ann = json.loads(capsys.readouterr().out)["by_customer"]["c1"]
    assert (ann["status"], ann["dropped_at"]) == (status, "2026-01-08T10:00:00Z")
    assert (ann["recovered_at"] is None) is (status == "dropped")
