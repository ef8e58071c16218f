"""Other ways to find faces, each behind :class:`stills.vision.detect.Detector` and chosen by name."""
