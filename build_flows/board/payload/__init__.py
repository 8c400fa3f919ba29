"""What a package for the board holds beside bitstream and driver: scripts for Python 3.10 with numpy and pynq, a notebook, a README."""
