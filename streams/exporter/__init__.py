"""The exporter: the figures in Redis as series for Prometheus."""
