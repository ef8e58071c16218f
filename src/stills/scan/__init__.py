"""From a video to its index."""
