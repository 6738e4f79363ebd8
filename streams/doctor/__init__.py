"""The doctor: it examines an installation and reports each finding, with a remedy where something is wrong."""
