"""Journey definitions: the frozen value, and the reader that makes it of YAML with every problem named."""
