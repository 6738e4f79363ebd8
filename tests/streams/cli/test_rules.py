import json

import pytest
import yaml

from streams.cli.main import main
from streams.errors import ExitCode

SHOP = """
journey: shop
alerts: {stalled: off}
stages:
  - {name: seen, touchpoints: {type: a}, drops_after: 1d, alerts: {drop_off: {customers: 7, severity: ticket}}}
  - {name: bought, touchpoints: {type: b}}
"""


@pytest.fixture
def shop(tmp_path):
    path = tmp_path / "shop.yaml"
    path.write_text(SHOP, encoding="utf-8")
    return path


def test_what_a_file_says_becomes_series(shop, capsys) -> None:
    """Only what differs from the defaults is written by stage, and each series has a rule for all others."""
    assert main(["rules", str(shop)]) == ExitCode.OK
    (group,) = yaml.safe_load(capsys.readouterr().out)["groups"]
    declared = [(each["record"].split("_", 2)[2], each["expr"], each["labels"]["stage"]) for each in group["rules"]
                if "labels" in each]  # fmt: skip
    assert declared == [
        ("dropoff_customers:declared", "vector(7)", "seen"),
        ("dropoff_severity:declared", "vector(1)", "seen"),
        ("stalled_customers:declared", "vector(Inf)", "seen"),
        ("stalled_customers:declared", "vector(Inf)", "bought"),
    ]
    rest = {each["record"].split(":")[1] for each in group["rules"] if "labels" not in each}
    assert {"tracker_dropoff_z", "tracker_conversion_fall", "tracker_stalled_severity"} < rest


def test_a_file_is_written_and_compared(shop, tmp_path, capsys) -> None:
    """`--check` ends with 0 while the rules are those of the journeys, with 1 when a threshold has changed."""
    rules = tmp_path / "thresholds.yaml"
    assert main(["rules", str(shop), "-o", str(rules)]) == ExitCode.OK
    assert main(["rules", str(shop), "--check", str(rules)]) == ExitCode.OK
    shop.write_text(SHOP.replace("customers: 7", "customers: 8"), encoding="utf-8")
    assert main(["rules", str(shop), "--check", str(rules)]) == ExitCode.FAILED
    assert "differs from the rules of the journey files" in capsys.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} == {"shop.yaml", "thresholds.yaml"}


def test_a_broken_definition_ends_with_2(shop, tmp_path, capsys) -> None:
    """The problem is printed with its place and remedy, and nothing is written."""
    shop.write_text(SHOP.replace("customers: 7", "customers: some"), encoding="utf-8")
    assert main(["rules", str(shop), "-o", str(tmp_path / "out.yaml")]) == ExitCode.USAGE
    said = capsys.readouterr().err
    assert f"{shop}:5:90: customers: 'some' does not fit here: write a whole number" in said
    assert not (tmp_path / "out.yaml").exists()


def test_one_journey_has_one_file(shop, tmp_path, capsys) -> None:
    """Two files of one journey are refused."""
    (tmp_path / "old.yaml").write_text(SHOP, encoding="utf-8")
    assert main(["rules", str(tmp_path)]) == ExitCode.USAGE
    assert "are both the journey 'shop'" in capsys.readouterr().err


def test_what_cannot_be_read_or_written_is_reported(shop, tmp_path, capsys) -> None:
    """A folder that is not there and a missing file end with a line each."""
    assert main(["rules", str(shop), "-o", str(tmp_path / "none/out.yaml")]) == ExitCode.FAILED
    assert main(["rules", str(shop), "--check", str(tmp_path / "none.yaml")]) == ExitCode.NOT_FOUND
    assert capsys.readouterr().err.count("remedy: ") == 2


def test_machines_get_what_holds_for_each_stage(shop, capsys) -> None:
    """`--json` has every threshold of every stage, null for what is off."""
    assert main(["rules", str(shop), "--json"]) == ExitCode.OK
    seen, bought = json.loads(capsys.readouterr().out)
    assert seen["drop_off"] == {"customers": 7, "odds": 2.0, "z": 4.0, "severity": "ticket"}
    assert (seen["stalled"], bought["drop_off"]["customers"]) == (None, 30)


def test_accounts_have_rules_of_their_own(shop, capsys) -> None:
    """The journey of the accounts has the same thresholds."""
    shop.write_text(f"{SHOP}accounts: {{rule: furthest}}\n", encoding="utf-8")
    assert main(["rules", str(shop)]) == ExitCode.OK
    (group,) = yaml.safe_load(capsys.readouterr().out)["groups"]
    labels = [each["labels"]["journey"] for each in group["rules"] if each.get("labels", {}).get("stage") == "seen"]
    assert sorted(labels) == ["shop"] * 3 + ["shop_accounts"] * 3


def test_rules_do_not_replace_a_journey_file(shop, capsys) -> None:
    """What is read is not overwritten, by its own name or that of its folder."""
    for given in (shop, shop.parent):
        assert main(["rules", str(given), "-o", str(shop)]) == ExitCode.USAGE
        assert "is a file that is read" in capsys.readouterr().err
    assert shop.read_text(encoding="utf-8") == SHOP
