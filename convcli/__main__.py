"""Run the command line by ``python -m convcli``."""

from convcli.cli.main import main

if __name__ == "__main__":
    main()
