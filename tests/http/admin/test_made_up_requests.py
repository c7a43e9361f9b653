"""Some requests that schemathesis makes up from /openapi.json; .ci/long sends many more."""

from pathlib import Path

import made_up_requests
import pytest

EXAMPLES = 6


@pytest.mark.slow
def test_no_request_finds_a_fault_of_ours_or_an_answer_that_is_not_as_the_document_says(tmp_path: Path) -> None:
    said, router = made_up_requests.send(tmp_path, ["fuzzing"], EXAMPLES, seed=1)
    assert said.returncode == 0, said.stdout + said.stderr
    assert "Traceback" not in router.stderr
    assert "failed on" not in router.stderr
