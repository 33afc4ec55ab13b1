"""Image files to pixels as OpenCV's `imread` gives them, in TensorFlow's operations: formats, headers, orientation."""
