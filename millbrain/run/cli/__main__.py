"""`python -m millbrain.run.cli`: how the supervisor starts its children."""

from millbrain.run.cli.commands import main

if __name__ == "__main__":
    main()
