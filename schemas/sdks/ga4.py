"""Google Analytics 4's Measurement Protocol as a table: `/mp/collect`. It knows nothing of HTTP."""

from typing import Final

from schemas.sdks.sdk import Sdk

GA4: Final = Sdk(
    events={
        "page_view": "Page Viewed",
        "screen_view": "Screen Viewed",
        "ad_click": "Ad Clicked",
        "view_item_list": "Category Viewed",
        "view_search_results": "Products Searched",
        "search": "Products Searched",
        "view_promotion": "Promotion Viewed",
        "select_promotion": "Promotion Clicked",
        "select_item": "Product Clicked",
        "view_item": "Product Viewed",
        "add_to_wishlist": "Product Added to Wishlist",
        "add_to_cart": "Product Added",
        "remove_from_cart": "Product Removed",
        "view_cart": "Cart Viewed",
        "begin_checkout": "Checkout Started",
        "add_shipping_info": "Shipping Info Entered",
        "add_payment_info": "Payment Info Entered",
        "purchase": "Order Completed",
        "refund": "Order Refunded",
        "share": "Content Shared",
        "form_submit": "Form Submitted",
        "sign_up": "Account Created",
        "login": "Signed In",
        "generate_lead": "Lead Created",
        "working_lead": "Lead Contacted",
        "qualify_lead": "Lead Qualified",
        "disqualify_lead": "Lead Disqualified",
        "close_convert_lead": "Customer Won",
        "close_unconvert_lead": "Deal Lost",
    },
    name=("name",),
    ids={
        "customer_id": ("user_id",),
        "anonymous_id": ("client_id", "app_instance_id"),
        "email_sha256": ("user_data.sha256_email_address.0", "user_data.sha256_email_address"),
        "phone_sha256": ("user_data.sha256_phone_number.0", "user_data.sha256_phone_number"),
        "user_hash": ("user_properties.user_hash.value",),
    },
    properties=("params",),
    named={
        "url": ("params.page_location",),
        "title": ("params.page_title",),
        "referrer": ("params.page_referrer",),
        "name": ("params.screen_name", "params.firebase_screen"),
        "order_id": ("params.transaction_id",),
        "amount": ("params.value",),
        "search": ("params.search_term",),
    },
    context={
        "session": ("params.session_id",),
        "campaign": ("params.campaign",),
        "device": ("device.category",),
        "country": ("user_location.country_id",),
    },
    left_out=(
        "session_id", "engagement_time_msec", "debug_mode", "page_location", "page_title", "page_referrer",
        "screen_name", "firebase_screen", "ip_override",
    ),
)  # fmt: skip
