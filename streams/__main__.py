"""`python -m streams` is `tracker`: how worker processes are started, wherever the script is installed."""

from streams.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
