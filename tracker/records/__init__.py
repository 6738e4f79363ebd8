"""Records: how a customer's state, log and timer are laid out as bytes."""
