"""Keep TensorFlow's start-up chatter off the screen and its threads bounded. Call before TensorFlow is imported."""

from __future__ import annotations

import os


def quiet_tensorflow() -> None:
    """Set the log level of TensorFlow and choose the Keras backend, unless the user has done so."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")


def limit_threads(threads: int) -> None:
    """Bound TensorFlow's thread pools; without effect once TensorFlow has computed something."""
    import tensorflow as tf

    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    except RuntimeError:  # already initialised (a second training in one process): keep what it has
        return
