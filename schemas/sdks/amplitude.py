"""Amplitude's SDKs as a table: `/2/httpapi` and `/batch`. It knows nothing of HTTP."""

from typing import Final

from schemas.sdks.sdk import Sdk

PATHS: Final = ("/2/httpapi", "/batch")

# `revenue_amount` keeps its name and has no `amount`: it is the money of an order that an event of its own tells of.
AMPLITUDE: Final = Sdk(
    events={
        "[Amplitude] Page Viewed": "Page Viewed",
        "[Amplitude] Screen Viewed": "Screen Viewed",
        "[Amplitude] Form Submitted": "Form Submitted",
        "[Amplitude] Application Opened": "App Opened",
        "[Experiment] Exposure": "Experiment Viewed",
        "$exposure": "Experiment Viewed",
        "$identify": "Identified",
        "$groupidentify": "Grouped",
    },
    name=("event_type",),
    id=("insert_id",),
    ids={
        "email": ("user_properties.$set.email", "user_properties.email", "user_properties.$setOnce.email"),
        "phone": ("user_properties.$set.phone", "user_properties.phone"),
        "user_hash": ("user_properties.$set.user_hash", "user_properties.user_hash", "event_properties.user_hash"),
    },
    properties=("event_properties",),
    named={
        "url": ("event_properties.[Amplitude] Page URL", "event_properties.[Amplitude] Page Location"),
        "path": ("event_properties.[Amplitude] Page Path",),
        "title": ("event_properties.[Amplitude] Page Title",),
        "name": ("event_properties.[Amplitude] Screen Name",),
        "experiment": ("event_properties.flag_key",),
        "variation": ("event_properties.variant",),
        "price": ("price", "event_properties.$price"),
        "quantity": ("quantity", "event_properties.$quantity"),
        "product": ("productId", "product_id", "event_properties.$productId"),
        "revenue": ("revenue", "event_properties.$revenue"),
    },
    context={
        "library": ("library",),
        "session": ("session_id",),
        "device": ("platform",),
        "os": ("os_name",),
        "country": ("country",),
    },
    own=("[Amplitude] ", "$"),
    left_out=("user_hash",),
)
TRAITS: Final[dict[str, tuple[str, ...]]] = {
    "$identify": ("user_properties.$set", "user_properties.$setOnce"),
    "$groupidentify": ("group_properties.$set",),
}
