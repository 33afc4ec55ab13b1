"""What a detector is worth: its answers to a set's images, what they say, and the pages that tell it."""
