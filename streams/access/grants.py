"""Kafka's rights: each role's are granted to the user of the role's name, and none is taken away."""

from typing import Any

from streams.access.roles import ROLES, Right, kafka_rights
from streams.clients.clients import kafka_admin
from streams.settings.settings import Settings


def missing(settings: Settings) -> list[tuple[str, Right, str]]:
    """The rights that Kafka does not have yet, each as user, right and operation. Raises TrackerError."""
    with kafka_admin(settings) as admin:
        return _missing(admin, settings)


def grant(settings: Settings) -> list[tuple[str, Right, str]]:
    """Grant what is missing; what was granted. Raises TrackerError."""
    from kafka.admin import ACL, ACLOperation, ACLPermissionType

    with kafka_admin(settings) as admin:
        wanted = _missing(admin, settings)
        rights = [
            ACL(f"User:{user}", "*", ACLOperation[operation.upper()], ACLPermissionType.ALLOW, _pattern(right))
            for user, right, operation in wanted
        ]
        # kafka-python returns what Kafka refuses, and raises nothing.
        for failure in admin.create_acls(rights)["failed"] if rights else ():
            raise failure
    return wanted


def _missing(admin: Any, settings: Settings) -> list[tuple[str, Right, str]]:
    there = {_key(each) for each in _granted(admin)}
    wanted = [
        (role.name, right, operation)
        for role in ROLES
        for right in kafka_rights(role, settings)
        for operation in right.operations
    ]
    return [
        (user, right, operation)
        for user, right, operation in wanted
        if (f"User:{user}", right.resource, right.name, right.is_prefix, operation) not in there
    ]


def _granted(admin: Any) -> list[Any]:
    from kafka.admin import (
        ACLFilter,
        ACLOperation,
        ACLPermissionType,
        ACLResourcePatternType,
        ResourcePatternFilter,
        ResourceType,
    )

    every = ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY)
    found, _ = admin.describe_acls(ACLFilter(None, None, ACLOperation.ANY, ACLPermissionType.ALLOW, every))
    return list(found)


def _key(acl: Any) -> tuple[str, str, str, bool, str]:
    pattern = acl.resource_pattern
    is_prefix = pattern.pattern_type.name == "PREFIXED"
    kind = pattern.resource_type.name.lower()
    return acl.principal, kind, pattern.resource_name, is_prefix, acl.operation.name.lower()


def _pattern(right: Right) -> Any:
    from kafka.admin import ACLResourcePatternType, ResourcePattern, ResourceType

    kind = ACLResourcePatternType.PREFIXED if right.is_prefix else ACLResourcePatternType.LITERAL
    return ResourcePattern(ResourceType[right.resource.upper()], right.name, kind)
