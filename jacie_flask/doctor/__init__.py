"""What ``flask --app wsgi doctor`` looks at: this machine and each part, or the way to a server through its proxies."""
