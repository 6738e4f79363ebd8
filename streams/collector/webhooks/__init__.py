"""Webhooks, by the tables of `schemas/webhooks`: check signature and age, then make the touchpoints."""
