"""Catalogues: which code of a centre each item of the hospital has; read, checked, compared, replaced whole."""
