"""The types that the shipped tables and SDK doors write, so that history and live touchpoints of all senders meet.

Journey templates listen to these, and a table that writes another type fails a test. Producers may send any type. Where
Segment's specifications (e-commerce, e-mail, B2B SaaS) have a name for what happened, it is that name.
"""

from typing import Final

WEB: Final = "web"
SHOP: Final = "shop"
SUPPORT: Final = "support"

TYPES: Final[dict[str, str]] = {
    # The visit.
    "Page Viewed": WEB,
    "Screen Viewed": WEB,
    "Ad Clicked": WEB,
    "Promotion Viewed": WEB,
    "Promotion Clicked": WEB,
    "Category Viewed": WEB,
    "Products Searched": WEB,
    "Product Clicked": WEB,
    "Product Viewed": WEB,
    "Product Added to Wishlist": WEB,
    "Product Added": WEB,
    "Product Removed": WEB,
    "Cart Viewed": WEB,
    "Cart Updated": WEB,
    "Checkout Started": WEB,
    "Payment Info Entered": WEB,
    "Shipping Info Entered": WEB,
    "Content Shared": WEB,
    "Form Submitted": WEB,
    "App Opened": WEB,
    "Experiment Viewed": WEB,
    # Mail and newsletters: sent by the business, then what the person does with it.
    "Email Sent": WEB,
    "Email Delivered": WEB,
    "Email Bounced": WEB,
    "Email Opened": WEB,
    "Email Link Clicked": WEB,
    "Email Marked as Spam": WEB,
    "Newsletter Subscribed": WEB,
    "Unsubscribed": WEB,
    # Who somebody is.
    "Account Created": SHOP,
    "Signed In": WEB,
    "Identified": WEB,
    "Grouped": WEB,
    "Aliased": WEB,
    "Account Closed": SHOP,
    # Orders.
    "Order Placed": SHOP,
    "Order Completed": SHOP,
    "Order Repeated": SHOP,
    "Order Updated": SHOP,
    "Order Shipped": SHOP,
    "Order Delivered": SHOP,
    "Order Cancelled": SHOP,
    "Order Refunded": SHOP,
    # Subscriptions.
    "Trial Started": SHOP,
    "Subscription Started": SHOP,
    "Subscription Renewed": SHOP,
    "Subscription Cancelled": SHOP,
    "Payment Failed": SHOP,
    # Sales: leads, contacts and deals of a CRM.
    "Contact Created": SHOP,
    "Contact Updated": SHOP,
    "Lead Created": SHOP,
    "Lead Contacted": SHOP,
    "Lead Qualified": SHOP,
    "Lead Disqualified": SHOP,
    "Meeting Booked": SHOP,
    "Call Held": SHOP,
    "Demo Requested": WEB,
    "Deal Created": SHOP,
    "Deal Advanced": SHOP,
    "Offer Sent": SHOP,
    "Deal Won": SHOP,
    "Deal Lost": SHOP,
    "Customer Won": SHOP,
    "Customer Advocated": SHOP,
    # Help and answers.
    "Ticket Opened": SUPPORT,
    "Ticket Updated": SUPPORT,
    "Ticket Solved": SUPPORT,
    "Satisfaction Rated": SUPPORT,
    "Survey Answered": SUPPORT,
    "Review Submitted": SUPPORT,
    "Friend Invited": SUPPORT,
}
"""By type: the channel that the shipped tables send it to."""

OF_BUSINESS: Final = frozenset({"Email Sent", "Email Delivered", "Email Bounced", "Order Updated"})
"""What the business does and the person has no part in. The shipped tables mark these with `context.by: business`."""
