"""On a program's path, this folder puts a simulated board in the place of PYNQ's library."""
