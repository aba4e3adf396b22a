"""From raw bytes to ids; no TensorFlow here."""
