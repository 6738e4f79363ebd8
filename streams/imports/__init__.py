"""Imports: rows of other systems' files become touchpoints by a mapping table."""
