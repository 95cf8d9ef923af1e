"""Work that people do: orders, what is told of them, and the hours in which it is done."""
