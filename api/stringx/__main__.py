"""`stringx`, and `python -m stringx`."""

from stringx.cli import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
