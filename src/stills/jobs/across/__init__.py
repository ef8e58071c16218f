"""The same people in many videos: tracks gathered, compared, told apart over all videos, with ids that stay."""
