"""Reports: pictures, tables and the HTML page."""
