"""Exit status 0 where the server is ready: every model loaded and warmed, and no drain begun."""

import sys
import urllib.request
from urllib.error import URLError

try:
    urllib.request.urlopen("http://127.0.0.1:8501/readyz", timeout=2).close()
except (URLError, OSError) as error:
    sys.exit(f"not ready: {error}")
