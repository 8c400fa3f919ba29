"""Every page and plot that a person looks at."""
