"""The training run. Heavy: import it where it is needed."""
