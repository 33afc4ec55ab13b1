"""Ray Serve where there is no Ray; the rest is in tests/ray_serve."""

import subprocess
import sys


def test_a_missing_extra_is_named():
    program = "import sys; sys.modules['ray'] = None\nimport ace_server.ray_serve"

    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert run.returncode == 1
    assert "pip install 'ace-detector[server,ray]'" in run.stderr.splitlines()[-1]
