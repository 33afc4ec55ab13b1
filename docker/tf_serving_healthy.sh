#!/usr/bin/env bash
# Exit status 0 where a version of the model answers. By bash alone: the image has neither curl nor Python.
set -euo pipefail
exec 3<>"/dev/tcp/127.0.0.1/${REST_PORT:-8501}"
printf 'GET /v1/models/%s HTTP/1.0\r\n\r\n' "${MODEL_NAME:-detector}" >&3
grep -q '"AVAILABLE"' <&3
