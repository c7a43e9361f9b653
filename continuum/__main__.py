"""`python -m continuum`: the command line."""

from continuum.cli.main import main

if __name__ == "__main__":
    main()
