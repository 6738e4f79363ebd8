"""Figures: what one state adds to the funnel, and the arithmetic of such sums."""
