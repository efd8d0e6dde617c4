"""Training: the same model trained by NumPy or by TensorFlow, from one description."""
