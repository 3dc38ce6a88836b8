//! Reading an image list: the text, its format, its entries and diagnostics.
