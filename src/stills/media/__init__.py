"""Bytes to frames and back: the only place that knows FFmpeg."""
