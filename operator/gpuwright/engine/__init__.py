"""A keyed, level-triggered queue with a delay for each key. It knows no kind of object."""
