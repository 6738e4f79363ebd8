"""The command line: thin commands over functions one could call, one file a command."""
