# SPDX-License-Identifier: Apache-2.0
"""`python -m faultin` is `faultin`."""

import sys

from faultin.cli.main import main

sys.exit(main())
