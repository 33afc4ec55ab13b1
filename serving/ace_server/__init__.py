"""An embedded model server that speaks TensorFlow Serving's APIs: `python -m ace_server --help`."""
