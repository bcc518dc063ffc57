"""The settlement sheet of the centre of Inner Mongolia (002, 4.16, 5.4): page, PDF, data."""
