"""Journey maps: a definition drawn as SVG, HTML or Markdown."""
