"""`python -m caviar` is `caviar`."""

from caviar.cli import main

if __name__ == "__main__":
    main()
