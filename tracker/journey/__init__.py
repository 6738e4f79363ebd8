"""Journey definitions: the frozen value, and the reader that makes it from YAML and reports every problem."""
