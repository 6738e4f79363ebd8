"""Definitions in the store: the record of what is current, its history, and what becomes of files that are applied."""
