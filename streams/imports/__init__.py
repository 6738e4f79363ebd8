"""Imports: a mapping table turns the rows of other systems' files into touchpoints."""
