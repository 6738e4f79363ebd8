"""The peers with which the tracker is compared: each keeps only the latest stage of each customer.

Each prints `<unix seconds> <events applied>` at intervals; `bench/delivery/team.py` reads it.
"""
