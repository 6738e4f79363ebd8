"""What the tracker runs against: each peer does the bare job, the latest stage of each customer.

Each prints `<unix seconds> <events applied>` now and then; `bench/delivery/team.py` reads it.
"""
