"""What a notebook or another program may import: nothing yet."""
