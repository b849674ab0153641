"""Programs for those who keep the project: pins and licences of what it installs."""
