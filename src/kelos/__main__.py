"""`python -m kelos` is the command `kelos`."""

from kelos.cli.main import main

if __name__ == "__main__":
    main()
