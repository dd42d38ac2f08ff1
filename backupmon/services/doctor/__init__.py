"""What is well with the server and what is not, with what to do: ``flask doctor``.

Each area is a file of checks, functions that look at one thing and give what they found;
`examination` lists and runs them. Nothing is changed: no marker, no row, no folder is made.
"""
