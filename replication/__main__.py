"""`python -m replication`."""

import sys


def _main() -> int:
    try:
        from replication.cli import main

        return main()
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in {"", "replication"}:
            raise
        print(
            f"error: package {package}: not installed for {sys.executable}; `make venv` builds .venv with all of them, "
            "call .venv/bin/python",
            file=sys.stderr,
        )
        return 2


if __name__ == "__main__":
    raise SystemExit(_main())
