"""The file of sources and keys."""

import json
import stat
import threading

import msgspec
import pytest

from streams.collector import sources
from streams.errors import ConfigurationError, TrackerError


def same(rules: sources.Source) -> sources.Source:
    return rules


def test_a_key_is_stored_as_its_hash(tmp_path) -> None:
    """The file has the hash and not the key, and only its owner may read it."""
    file = tmp_path / "keys.json"
    key, entry = sources.new(file, "shop", same, 0)
    assert key not in file.read_text() and entry.sha256 in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert sources.Sources(file).by_key(key).name == "shop"
    assert sources.Sources(file).by_key(entry.sha256) is None


def test_several_keys_are_good_until_they_are_revoked(tmp_path) -> None:
    """A new key is accepted at once; a revoked one is refused after a second, when the file is read again."""
    now_s, file = [0.0], tmp_path / "keys.json"
    found = sources.Sources(file, lambda: now_s[0])
    first, entry = sources.new(file, "shop", same, 0)
    assert found.by_key(first) == found.by_name("shop") is not None
    second, _ = sources.new(file, "shop", same, 0)
    assert found.by_key(second) is not None
    sources.revoke(file, entry.id, 1)
    assert found.by_key(first) is not None
    now_s[0] = 1.5
    assert found.by_key(first) is None and found.by_key(second) is not None


def test_options_of_a_source_stay(tmp_path) -> None:
    """A new key of a known source changes the options given with it and no others."""
    file = tmp_path / "keys.json"
    sources.new(file, "shop", lambda rules: msgspec.structs.replace(rules, channel="shop"), 0)
    sources.new(file, "shop", lambda rules: msgspec.structs.replace(rules, drop=("context",)), 0)
    assert sources.load(file).sources["shop"] == sources.Source(channel="shop", drop=("context",))


def test_a_broken_file_does_not_end_a_collector(tmp_path) -> None:
    """A running collector keeps its keys while the file is broken; at the start that is an error."""
    now_s, file = [0.0], tmp_path / "keys.json"
    key, _ = sources.new(file, "shop", same, 0)
    found = sources.Sources(file, lambda: now_s[0])
    file.write_text("{")
    now_s[0] = 2.0
    assert found.by_key(key) is not None
    with pytest.raises(ConfigurationError, match="COLLECTOR_KEYS"):
        sources.Sources(file)


def test_keys_made_at_once_are_all_there(tmp_path) -> None:
    """Processes that change the file at once wait for each other."""
    file = tmp_path / "keys.json"
    threads = [threading.Thread(target=sources.new, args=(file, "shop", same, 0)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(json.loads(file.read_text())["keys"]) == 8


def test_an_unknown_key_cannot_be_revoked(tmp_path) -> None:
    """Revoking an unknown key raises an error that names it."""
    with pytest.raises(TrackerError, match="k0"):
        sources.revoke(tmp_path / "keys.json", "k0", 0)
