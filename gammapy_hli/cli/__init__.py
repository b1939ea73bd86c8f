"""The umbrella command and the executables of the steps."""
