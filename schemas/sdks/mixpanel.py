"""Mixpanel's SDKs as tables: `/track`, `/import`, `/engage` and `/groups`. It knows nothing of HTTP."""

from typing import Final

from schemas.sdks.sdk import Sdk

DEVICE: Final = "$device:"
"""Before the id of a visitor whom nobody has identified."""

MIXPANEL: Final = Sdk(
    events={
        "$mp_web_page_view": "Page Viewed",
        "$identify": "Identified",
        "$create_alias": "Aliased",
        "$merge": "Aliased",
        "$experiment_started": "Experiment Viewed",
        "$mp_submit": "Form Submitted",
        "$ae_session": "App Opened",
    },
    name=("event",),
    id=("properties.$insert_id",),
    ids={"user_hash": ("properties.user_hash",)},
    properties=("properties",),
    named={
        "url": ("properties.$current_url", "properties.current_url_full"),
        "path": ("properties.current_url_path",),
        "title": ("properties.current_page_title",),
        "referrer": ("properties.$referrer",),
        "search": ("properties.mp_keyword",),
        "experiment": ("properties.$experiment_name", "properties.Experiment name"),
        "variation": ("properties.$variant_name", "properties.Variant name"),
    },
    context={
        "library": ("properties.mp_lib",),
        "device": ("properties.$device",),
        "browser": ("properties.$browser",),
        "os": ("properties.$os",),
        "country": ("properties.mp_country_code",),
        "campaign": ("properties.utm_campaign",),
    },
    own=("$", "mp_", "current_url_", "current_page_", "current_domain"),
    left_out=("distinct_id", "token", "time", "alias", "ip", "user_hash"),
)
PROFILE: Final = "profile"
GROUP: Final = "group"
"""The names that updates of people and of groups get, which have none."""
MIXPANEL_PROFILES: Final = Sdk(
    events={PROFILE: "Identified", GROUP: "Grouped"},
    name=("event",),
    ids={
        "email": ("$set.$email", "$set.email", "$set_once.$email", "$set_once.email"),
        "phone": ("$set.$phone", "$set.phone"),
        "user_hash": ("$set.user_hash",),
    },
    properties=("$set", "$set_once"),
    named={"name": ("$set.$name",)},
    own=("$",),
    left_out=("user_hash",),
)
# The parts of a profile's update that are kept. Others count, append or remove; what is charged is an order's money
# told a second time.
KEPT: Final = ("$set", "$set_once")
