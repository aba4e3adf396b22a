"""Recurrent cells. The file `NAME.py` with its `CELL` is the cell `NAME` of params.yaml."""
