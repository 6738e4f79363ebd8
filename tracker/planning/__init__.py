"""Planning: from the records of a partition batch to everything that one write changes."""
