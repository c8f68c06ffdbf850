"""DICOM beside films: what is derived from a film, what readers segmented, and the PACS it lies in.

``decoding.dicom`` reads the films themselves.
"""
