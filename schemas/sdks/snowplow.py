"""Snowplow's tracker protocol 2 as a table: `/com.snowplowanalytics.snowplow/tp2` and `/i`. It knows nothing of HTTP.

The name of an event is that of its schema or, for structured events, its action. What the e-commerce action's `type`
says goes before. Contexts are found by the names of their schemas.
"""

from typing import Final

from schemas.sdks.sdk import Sdk

POST_PATH: Final = "/com.snowplowanalytics.snowplow/tp2"
GET_PATH: Final = "/i"

# By the protocol's `e`: the name of an event that has no schema.
NAMES: Final = {"pv": "page_view", "pp": "page_ping", "tr": "transaction", "ti": "transaction_item"}
ACTION: Final = "snowplow_ecommerce_action"
SNOWPLOW: Final = Sdk(
    events={
        "page_view": "Page Viewed",
        "screen_view": "Screen Viewed",
        "application_foreground": "App Opened",
        "submit_form": "Form Submitted",
        "site_search": "Products Searched",
        "social_interaction": "Content Shared",
        "ad_click": "Ad Clicked",
        "product_view": "Product Viewed",
        "list_view": "Category Viewed",
        "add_to_cart": "Product Added",
        "remove_from_cart": "Product Removed",
        "checkout_step": "Checkout Started",
        "transaction": "Order Completed",
        "refund": "Order Refunded",
    },
    name=("name",),
    id=("eid",),
    ids={"email": ("contexts.user.email",), "user_hash": ("contexts.user.user_hash",)},
    properties=(
        "data", "contexts.transaction", "contexts.refund", "contexts.checkout_step", "contexts.cart",
        "contexts.product",
    ),
    named={
        "url": ("url",),
        "title": ("page",),
        "referrer": ("refr",),
        "order_id": ("tr_id", "contexts.transaction.transaction_id", "contexts.refund.transaction_id"),
        "amount": (
            "tr_tt", "contexts.transaction.revenue", "contexts.refund.refund_amount", "contexts.cart.total_value",
        ),
        "currency": ("tr_cu",),
        "coupon": ("contexts.transaction.discount_code",),
        "search": ("data.terms",),
        "category": ("se_ca",),
        "label": ("se_la",),
        "property": ("se_pr",),
        "value": ("se_va",),
        "products": ("products",),
    },
    context={"library": ("tv",), "session": ("sid",), "device": ("p",), "language": ("lang",)},
)  # fmt: skip
# Steps of a checkout after the first one keep the action's name, so that one checkout starts once.
FIRST_STEPS: Final = (None, 1)
NUMBERS: Final = ("tr_tt", "tr_sh", "tr_tx", "se_va")
"""Fields that are numbers, which the protocol writes as text."""
