"""How a Task is made of an item: its name, its texts, its manifest."""
