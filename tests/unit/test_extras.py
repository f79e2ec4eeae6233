# SPDX-License-Identifier: Apache-2.0
"""What is missing is named, with the extra that brings it."""

import pytest

from faultin.extras import MissingExtra, need


def test_a_module_that_is_there_is_given():
    assert need("json", "this").dumps(1) == "1"


def test_one_that_is_not_says_what_to_install():
    with pytest.raises(MissingExtra) as caught:
        need("no_such_package.part", "to_arrow()")
    assert str(caught.value) == (
        "to_arrow(): it needs no_such_package, which is not installed; "
        "pip install 'faultin[analysis]'"
    )
