//! Nothing: the tests of `../..` are what this package is for.
