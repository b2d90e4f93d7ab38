"""Lets failures in the suites that adapters inherit show what was compared."""

import pytest

pytest.register_assert_rewrite("tests.adapters.contract", "tests.adapters.gateway_stage")
