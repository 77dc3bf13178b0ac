"""``python -m unswayed.cli``."""

from unswayed.cli import main

main()
