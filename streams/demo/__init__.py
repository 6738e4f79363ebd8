"""The demo: a whole pipeline on this machine, its picture in the terminal, and the comparison with the truth."""
