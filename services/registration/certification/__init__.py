"""The certification of studios: a form of five pages, a region chosen once, a stamped scan, the province's decision."""
