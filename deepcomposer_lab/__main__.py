"""`python -m deepcomposer_lab` is the command line `deepcomposer-lab`."""

from deepcomposer_lab.cli import main

raise SystemExit(main())
