"""What every other room of build_flows stands on: errors, what is told to the user, files, parts and boards."""
