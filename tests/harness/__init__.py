"""What the black-box tests share: a running gateway, and lines of results."""
