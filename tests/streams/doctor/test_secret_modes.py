"""Files of secrets that everybody may read."""

import pytest

from streams.doctor.secret_modes import secret_modes
from streams.settings import settings


@pytest.mark.parametrize(("mode", "told"), [(0o600, False), (0o440, False), (0o644, True), (0o602, True)])
def test_a_password_that_everybody_may_read(tmp_path, mode, told) -> None:
    """A file of a secret is told where others than its owner and group may read or change it, with the remedy."""
    file = tmp_path / "salt"
    file.write_text("a long salt of mine")
    file.chmod(mode)
    environ = {"TRACKER_ID_SALT_FILE": str(file), "COLLECTOR_KEYS": str(tmp_path / "none.json")}
    found = list(secret_modes(settings.read(environ), environ))
    assert [(each.state, each.remedy) for each in found] == [("warning", f"chmod o-rwx {file}")] * told
    assert not any("a long salt" in each.message for each in found)


def test_private_keys_and_sources_secrets_too(tmp_path) -> None:
    """The key of a certificate, the file of write keys and the secrets of webhooks are looked at as well."""
    for name in ("key.pem", "ca.pem", "shop-secret"):
        (tmp_path / name).write_text("x")
        (tmp_path / name).chmod(0o644)
    keys = tmp_path / "keys.json"
    keys.write_text('{"sources": {"shop": {"secret_file": "%s"}}, "keys": []}' % (tmp_path / "shop-secret"))
    keys.chmod(0o604)
    environ = {"COLLECTOR_KEYS": str(keys)}
    environ |= {"KAFKA_SSL_CERTFILE": str(tmp_path / "ca.pem"), "KAFKA_SSL_KEYFILE": str(tmp_path / "key.pem")}
    told = [each.message.partition(" is ")[0] for each in secret_modes(settings.read(environ), environ)]
    assert told == ["KAFKA_SSL_KEYFILE", "COLLECTOR_KEYS", "The secret of the source shop"]
