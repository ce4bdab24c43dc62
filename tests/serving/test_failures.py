"""What the server says of a fault of rlmlang itself: 500 to the client, and the traceback in the log."""

from __future__ import annotations

import pytest

from rlmlang.errors import RlmError, internal_error
from rlmlang.serving.failures import as_rlm_error, status_of


@pytest.mark.parametrize("fault", [ZeroDivisionError("oh"), internal_error(ZeroDivisionError("oh"))])
def test_a_fault_is_logged(fault: Exception, caplog: pytest.LogCaptureFixture) -> None:
    answered = as_rlm_error(fault)
    assert answered.first.code == "E300"
    assert "ZeroDivisionError: oh" in answered.first.message
    assert "fault of rlmlang" in caplog.text
    assert "ZeroDivisionError: oh" in caplog.text


def test_what_is_no_fault_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    error = RlmError.of("E606", "the store cannot be read")
    assert as_rlm_error(error) is error
    assert caplog.text == ""


def test_a_fault_in_a_run_is_500() -> None:
    assert status_of(internal_error(ZeroDivisionError("oh"))) == 500
