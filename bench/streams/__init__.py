"""How fast Jacie relays live answers, against the stack that people use today and against a proxy that parses nothing."""
