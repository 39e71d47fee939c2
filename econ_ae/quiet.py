"""Keep TensorFlow's start-up chatter off the screen and its threads bounded. Call before TensorFlow is imported."""

from __future__ import annotations

import os
import sys


def quiet_tensorflow() -> None:
    """Import TensorFlow without the messages its C++ side writes to the terminal before any log level applies.

    Python exceptions still show; set ``ECON_AE_TF_LOG=1`` to see everything.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    if "tensorflow" in sys.modules or os.environ.get("ECON_AE_TF_LOG"):
        return
    sys.stderr.flush()
    saved = os.dup(2)
    sink = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(sink, 2)
        import keras  # noqa: F401
        import tensorflow as tf

        tf.config.list_physical_devices()
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(sink)


def limit_threads(threads: int) -> None:
    """Bound TensorFlow's thread pools; without effect once TensorFlow has computed something."""
    import tensorflow as tf

    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    except RuntimeError:  # already initialised (a second training in one process): keep what it has
        return
