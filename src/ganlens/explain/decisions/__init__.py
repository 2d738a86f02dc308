"""What moves the decisions of a classifier: attributes, places, confusions."""
