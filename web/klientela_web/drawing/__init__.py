"""What is drawn: icons, flags, charts."""
