# SPDX-License-Identifier: Apache-2.0
"""Extras: modules that only some of faultin needs, imported when they are.

In: the name of a module. Out: the module, or a MissingExtra that says what to install.
"""

import importlib
from typing import Any

from faultin.errors import FaultinError


class MissingExtra(FaultinError):
    """A package is not installed that an extra of faultin brings."""


def need(module: str, what: str, extra: str = "analysis") -> Any:
    """The module; `what` needs it, as an error calls it."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if not f"{module}.".startswith(f"{error.name}."):
            raise
        why = f"it needs {error.name}, which is not installed"
        raise MissingExtra(what, why, f"pip install 'faultin[{extra}]'") from None
