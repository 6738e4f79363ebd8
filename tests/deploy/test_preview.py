"""The preview of the dashboards: every panel is drawn from what Prometheus answers, or says that there is nothing."""

import importlib.util
import json
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
spec = importlib.util.spec_from_file_location("preview", ROOT / "deploy/grafana/preview.py")
preview = importlib.util.module_from_spec(spec)
spec.loader.exec_module(preview)

CHOSEN = {"journey": "shop", "segment": "type", "days": "7", "cohort": "recent"}


def board(uid: str) -> dict:
    return json.loads((ROOT / f"deploy/grafana/dashboards/{uid}.json").read_text("utf-8"))


def answer(query: str, over_time: bool) -> list[dict]:
    assert "$" not in query.replace("$1", ""), "every variable is filled in"
    metric = defaultdict(lambda: "<b>", {"stage": "<b>", "value": "x"})
    return [{"metric": metric, **({"values": [[0, "1"], [1, "NaN"]]} if over_time else {"value": [0, "3"]})}]


@pytest.mark.parametrize("uid", ["journey-funnel", "journey-health", "journey-pipeline", "journey-alerts"])
def test_every_panel_is_drawn(uid) -> None:
    """With an answer none is empty, and what comes from a label is text, never markup; without one each says so."""
    drawn = preview.page(board(uid), CHOSEN, answer)
    assert "no data" not in drawn and "<b>" not in drawn.replace("<b>3", "")
    empty = preview.page(board(uid), CHOSEN, lambda *_: [])
    assert empty.count("no data") == len(board(uid)["panels"])


def test_variables_are_given_or_the_first() -> None:
    """What is named on the command line, else the first value there is."""
    ask = lambda *_: [{"metric": {"journey": "b", "segment": "s"}}, {"metric": {"journey": "a", "segment": "t"}}]  # noqa: E731
    assert preview.variables(board("journey-funnel"), {"days": "28"}, ask) == {
        "days": "28", "journey": "a", "cohort": "recent", "segment": "s",
    }  # fmt: skip
