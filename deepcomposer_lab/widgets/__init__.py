"""What moves in a notebook: widgets of anywidget, with everything they need in the package and nothing from a network.

A widget takes plain data and music values, and knows neither techniques nor models; `studio` translates.
"""
