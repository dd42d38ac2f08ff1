"""The filesystem: deposit area, measuring, validated area, quarantine, locks.

Everything below a root is opened relative to the root's folder and without following links,
since agents write there. What is wrong with the server itself is a `ServerFault`, never a
fact about a backup.
"""
