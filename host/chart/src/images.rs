//! Finds the images in what a chart renders.
