"""`python -m tests.bench [ONLY]`: run the benches, or those whose name holds ONLY; a JSON line each."""

import sys
from pathlib import Path

import pytest

only = ["-k", sys.argv[1].replace(".", "_")] if len(sys.argv) > 1 else []
sys.exit(pytest.main([str(Path(__file__).parent), "-q", "-s", "--no-header", "-p", "no:cacheprovider", *only]))
