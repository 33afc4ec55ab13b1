#!/bin/sh
# The server as tensorflow/serving's image starts its own: MODEL_NAME and MODEL_BASE_PATH, any flag behind.
# exec, so that SIGTERM reaches the server, which drains.
set -eu
case "$*" in
  *--model_config_file*) exec ace-server --port=8500 --rest_api_port=8501 "$@" ;;
esac
exec ace-server --port=8500 --rest_api_port=8501 \
  --model_name="$MODEL_NAME" --model_base_path="$MODEL_BASE_PATH/$MODEL_NAME" "$@"
