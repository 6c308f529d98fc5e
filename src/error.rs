//! What is wrong with the arguments of a call, and the checks that find it.

use core::fmt;

/// What is wrong with the arguments of a call. Nothing was written.
///
/// ```
/// let error = logits::exp(&[1.0, 2.0], &mut [0.0]).unwrap_err();
/// assert_eq!(error, logits::Error::Length { argument: "out", expected: 2, found: 1 });
/// assert_eq!(error.to_string(), "`out` has length 1, expected 2");
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// A slice has another length than the call needs.
    Length {
        /// The argument's name.
        argument: &'static str,
        /// The length it should have.
        expected: usize,
        /// The length it has.
        found: usize,
    },
    /// A matrix has another number of rows than the call needs.
    RowCount {
        /// The argument's name.
        argument: &'static str,
        /// The rows it should have.
        expected: usize,
        /// The rows it has.
        found: usize,
    },
    /// The rows of a matrix have another length than the call needs.
    ColumnCount {
        /// The argument's name.
        argument: &'static str,
        /// The columns it should have.
        expected: usize,
        /// The columns it has.
        found: usize,
    },
    /// Data cannot be cut into rows of zero columns.
    NoColumns {
        /// The length of the data.
        length: usize,
    },
    /// Data does not end where a row ends.
    PartialRow {
        /// The length of the data.
        length: usize,
        /// The columns of a row.
        columns: usize,
        /// The distance from one row's start to the next.
        stride: usize,
    },
    /// Rows would overlap.
    Stride {
        /// The least stride: the number of columns.
        expected: usize,
        /// The stride given.
        found: usize,
    },
    /// A label names no column.
    Label {
        /// The row the label belongs to.
        row: usize,
        /// The label, `i64::MAX` if it is larger.
        label: i64,
        /// The number of columns, which every label must be below.
        columns: usize,
    },
    /// A parameter has a value that it must not have.
    Parameter {
        /// The parameter's name.
        name: &'static str,
        /// The values it may have.
        expected: &'static str,
        /// The value it has.
        found: f32,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Length { argument, expected, found } => {
                write!(f, "`{argument}` has length {found}, expected {expected}")
            }
            Self::RowCount { argument, expected, found } => {
                write!(f, "`{argument}` has {found} rows, expected {expected}")
            }
            Self::ColumnCount { argument, expected, found } => {
                write!(f, "`{argument}` has {found} columns, expected {expected}")
            }
            Self::NoColumns { length } => {
                write!(f, "`columns` is 0, expected 1 or more for `data` of length {length}")
            }
            Self::PartialRow { length, columns, stride } => write!(
                f,
                "`data` has length {length}, expected rows of {columns} columns, {stride} apart"
            ),
            Self::Stride { expected, found } => {
                write!(f, "`stride` is {found}, expected {expected} columns or more")
            }
            Self::Label { row, label, columns } => {
                write!(f, "label of row {row} is {label}, expected less than {columns} columns")
            }
            Self::Parameter { name, expected, found } => {
                write!(f, "`{name}` is {found}, expected {expected}")
            }
        }
    }
}

impl core::error::Error for Error {}

/// What a call gives, unless its arguments are wrong.
pub(crate) type Result<T = ()> = core::result::Result<T, Error>;

/// `Ok` if `found` is the length `argument` must have.
pub(crate) fn check_length(argument: &'static str, expected: usize, found: usize) -> Result {
    if found == expected { Ok(()) } else { Err(Error::Length { argument, expected, found }) }
}

/// `Ok` if a parameter is valid.
pub(crate) fn check_parameter(
    name: &'static str,
    found: f32,
    is_valid: bool,
    expected: &'static str,
) -> Result {
    if is_valid { Ok(()) } else { Err(Error::Parameter { name, expected, found }) }
}
