"""`python -m rlmlang` is the command `rlmlang`."""

import sys

from rlmlang.cli import main

sys.exit(main())
