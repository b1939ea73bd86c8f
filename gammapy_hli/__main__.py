"""``python -m gammapy_hli`` is ``gammapy-hli``."""

import sys

from gammapy_hli.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
