"""`tracker check` and `replay` with conditions into lists."""

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
