"""PostHog's SDKs as a table: `/batch/`, `/e/`, `/i/v0/e/` and `/capture/`. It knows nothing of HTTP."""

from typing import Final

from schemas.sdks.sdk import Sdk

PATHS: Final = ("/batch/", "/e/", "/e", "/i/v0/e/", "/i/v0/e", "/capture/", "/capture")
FLAGS: Final = ("/flags/", "/flags", "/decide/", "/decide")
"""Where the SDKs ask for feature flags. There are none here, which is what the answer says."""

POSTHOG: Final = Sdk(
    events={
        "$pageview": "Page Viewed",
        "$screen": "Screen Viewed",
        "$identify": "Identified",
        "$set": "Identified",
        "$set_once": "Identified",
        "$create_alias": "Aliased",
        "$merge_dangerously": "Aliased",
        "$groupidentify": "Grouped",
        "$feature_flag_called": "Experiment Viewed",
        "Application Opened": "App Opened",
    },
    name=("event",),
    id=("uuid", "properties.$insert_id"),
    ids={
        "email": ("$set.email", "properties.$set.email", "$set_once.email", "properties.$set_once.email"),
        "phone": ("$set.phone", "properties.$set.phone"),
        "user_hash": ("$set.user_hash", "properties.$set.user_hash", "properties.user_hash"),
    },
    properties=("properties",),
    named={
        "url": ("properties.$current_url",),
        "path": ("properties.$pathname",),
        "title": ("properties.$title",),
        "referrer": ("properties.$referrer",),
        "name": ("properties.$screen_name",),
        "experiment": ("properties.$feature_flag",),
        "variation": ("properties.$feature_flag_response",),
    },
    context={
        "library": ("properties.$lib",),
        "session": ("properties.$session_id",),
        "device": ("properties.$device_type",),
        "browser": ("properties.$browser",),
        "os": ("properties.$os",),
        "campaign": ("properties.utm_campaign", "properties.$utm_campaign"),
    },
    own=("$",),
    left_out=("distinct_id", "token", "alias", "user_hash"),
)
# Events that describe somebody have their properties here.
TRAITS: Final[dict[str, tuple[str, ...]]] = {
    "$identify": ("$set", "properties.$set", "$set_once", "properties.$set_once"),
    "$set": ("$set", "properties.$set"),
    "$set_once": ("$set_once", "properties.$set_once"),
    "$groupidentify": ("properties.$group_set",),
}
# Libraries whose `alias` has the visitor in `distinct_id` and the user in `alias`. With all others it is the reverse.
ALIAS_IS_USER: Final = frozenset({"posthog-python", "web", "posthog-js"})
# What a server's library sends of these, a program of the business has done.
BY_PROGRAMS: Final = frozenset({"$set", "$set_once", "$groupidentify", "$feature_flag_called"})
