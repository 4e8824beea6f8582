"""The report: one HTML file that holds a whole study and opens without a network.

`document` puts it together; each kind of plot has a module that makes plain data for Plotly, which
the page draws when it comes into view. Nobody here knows TensorFlow, Ray or a data set.
"""
