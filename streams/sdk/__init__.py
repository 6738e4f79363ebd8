"""The SDK: what other programs import to send touchpoints and to read transitions."""
