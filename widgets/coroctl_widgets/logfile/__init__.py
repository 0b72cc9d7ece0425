"""Log files of any size, without a screen: reading, searching, filtering, going to a time."""
