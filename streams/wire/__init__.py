"""The wire described for others: JSON Schema, AsyncAPI and the page about touchpoints."""
