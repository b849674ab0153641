"""Who may ask: keys, tokens of an identity provider, and the principal that either stands for."""
