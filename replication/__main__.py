"""`python -m replication`."""

from replication.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
