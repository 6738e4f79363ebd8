"""What Kafka refuses to grant."""

from contextlib import contextmanager

import pytest
from kafka.errors import ClusterAuthorizationFailedError

from streams.access import grants
from streams.settings import settings


class Refusing:
    """An admin client whose broker knows no rights and grants none."""

    def describe_acls(self, _asked):
        return [], None

    def create_acls(self, asked):
        return {"succeeded": asked[1:], "failed": [ClusterAuthorizationFailedError]}


def test_a_refused_right_is_no_granted_one(monkeypatch) -> None:
    """The client returns failures in place of raising them."""

    @contextmanager
    def refusing(_settings):
        yield Refusing()

    monkeypatch.setattr(grants, "kafka_admin", refusing)
    with pytest.raises(ClusterAuthorizationFailedError):
        grants.grant(settings.read({}))
