"""A process and its neighbours: supervision, health, logs, and the process's own series."""
