# TensorFlow Serving with this project's settings, as a user without rights.
#
#   docker build -f docker/tf_serving.Dockerfile -t ace-tf-serving .
#   docker run --rm --gpus all -p 127.0.0.1:8500:8500 -v $PWD/runs/models:/models:ro ace-tf-serving
#
# Flags behind the image's name go to the server; a later one counts. The port opens once all models are loaded and warmed.
ARG TF_SERVING_IMAGE=tensorflow/serving:2.20.0-gpu
FROM ${TF_SERVING_IMAGE}
COPY serving/tf_serving/*.config serving/tf_serving/*.txt /config/
COPY docker/tf_serving_healthy.sh /opt/
EXPOSE 8500 8501
USER 10001:10001
HEALTHCHECK --interval=5s --timeout=3s --start-period=300s CMD ["bash", "/opt/tf_serving_healthy.sh"]
ENTRYPOINT ["tensorflow_model_server", "--port=8500", "--rest_api_port=8501", \
  "--model_config_file=/config/models.config", "--model_config_file_poll_wait_seconds=5", \
  "--monitoring_config_file=/config/monitoring.config", \
  "--enable_batching", "--batching_parameters_file=/config/batching_parameters.txt", \
  "--tensorflow_session_config_file=/config/session_config.txt", \
  "--enable_grpc_healthcheck_service"]
CMD []
