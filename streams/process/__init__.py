"""What every process has: supervision, health pages, logs, and the table of its own series."""
