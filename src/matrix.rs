//! Matrices as slices of numbers: rows of one length, at equal distances.

use crate::error::{Error, Result};

/// A matrix read row by row.
///
/// ```
/// use logits::Rows;
///
/// let rows = Rows::new(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 3)?;
/// assert_eq!((rows.rows(), rows.columns()), (2, 3));
/// assert_eq!(rows.row(1), Some(&[4.0, 5.0, 6.0][..]));
///
/// // The same data as rows of two, the third element of each left out.
/// let rows = Rows::with_stride(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 2, 3)?;
/// assert_eq!(rows.row(1), Some(&[4.0, 5.0][..]));
/// # Ok::<(), logits::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    data: &'a [f32],
    count: usize,
    columns: usize,
    stride: usize,
}

/// A matrix written row by row.
///
/// ```
/// use logits::{RowsMut, rows};
///
/// let mut data = [0.0, 0.0, 5.0, 5.0];
/// rows::softmax_in_place(RowsMut::new(&mut data, 2)?);
/// assert_eq!(data, [0.5; 4]);
/// # Ok::<(), logits::Error>(())
/// ```
#[derive(Debug)]
pub struct RowsMut<'a> {
    data: &'a mut [f32],
    count: usize,
    columns: usize,
    stride: usize,
}

/// What both say of their shape.
macro_rules! shape {
    ($($rows:ident)*) => {$(
        impl $rows<'_> {
            /// The number of rows.
            #[inline]
            #[must_use]
            pub const fn rows(&self) -> usize {
                self.count
            }

            /// The length of each row.
            #[inline]
            #[must_use]
            pub const fn columns(&self) -> usize {
                self.columns
            }

            /// How far apart rows begin.
            #[inline]
            pub(crate) const fn stride(&self) -> usize {
                self.stride
            }
        }
    )*};
}

shape! { Rows RowsMut }

/// How many rows of `columns`, `stride` apart, `length` elements are; the last may end anywhere
/// from its columns to its stride.
const fn check(length: usize, columns: usize, stride: usize) -> Result<usize> {
    if stride < columns {
        return Err(Error::Stride { expected: columns, found: stride });
    }
    if length == 0 {
        return Ok(0);
    }
    if columns == 0 {
        return Err(Error::NoColumns { length });
    }
    if length == columns {
        // One row, without the divisions.
        return Ok(1);
    }
    let last = length % stride;
    if last != 0 && last < columns {
        return Err(Error::PartialRow { length, columns, stride });
    }
    Ok(length.div_ceil(stride))
}

impl<'a> Rows<'a> {
    /// `data` as rows of `columns` elements, one after the other.
    ///
    /// # Errors
    /// [`Error::NoColumns`] for data with 0 columns, [`Error::PartialRow`] if
    /// the length is not a multiple of `columns`.
    pub const fn new(data: &'a [f32], columns: usize) -> Result<Self> {
        Self::with_stride(data, columns, columns)
    }

    /// `data` as rows of `columns` elements that begin `stride` apart. What
    /// lies between them is not read. The last row need not be padded.
    ///
    /// # Errors
    /// [`Error::Stride`] if `stride < columns`, [`Error::NoColumns`] for data
    /// with 0 columns, [`Error::PartialRow`] if the data ends elsewhere than
    /// after a row's columns or stride.
    pub const fn with_stride(data: &'a [f32], columns: usize, stride: usize) -> Result<Self> {
        match check(data.len(), columns, stride) {
            Ok(count) => Ok(Self { data, count, columns, stride }),
            Err(error) => Err(error),
        }
    }

    /// `rows` rows of no columns. No slice can say how many they are.
    ///
    /// ```
    /// use logits::{Rows, rows};
    ///
    /// let mut out = [0.0; 2];
    /// rows::log_sum_exp(Rows::without_columns(2), &mut out)?;
    /// assert_eq!(out, [f32::NEG_INFINITY; 2]);
    /// # Ok::<(), logits::Error>(())
    /// ```
    #[must_use]
    pub const fn without_columns(rows: usize) -> Self {
        Self { data: &[], count: rows, columns: 0, stride: 0 }
    }

    /// Where the first row begins.
    #[inline]
    pub(crate) const fn as_ptr(&self) -> *const f32 {
        self.data.as_ptr()
    }

    /// Row `i`, or `None` past the last.
    #[inline]
    #[must_use]
    pub fn row(&self, i: usize) -> Option<&'a [f32]> {
        let start = if i < self.count { i * self.stride } else { return None };
        self.data.get(start..start + self.columns)
    }

    /// The rows in order.
    #[inline]
    #[must_use]
    pub fn iter(&self) -> Iter<'a> {
        Iter { rows: *self, next: 0 }
    }
}

impl<'a> RowsMut<'a> {
    /// `data` as rows of `columns` elements, one after the other.
    ///
    /// # Errors
    /// As [`Rows::new`].
    pub const fn new(data: &'a mut [f32], columns: usize) -> Result<Self> {
        Self::with_stride(data, columns, columns)
    }

    /// `data` as rows of `columns` elements that begin `stride` apart. What
    /// lies between them is neither read nor written.
    ///
    /// # Errors
    /// As [`Rows::with_stride`].
    pub const fn with_stride(data: &'a mut [f32], columns: usize, stride: usize) -> Result<Self> {
        match check(data.len(), columns, stride) {
            Ok(count) => Ok(Self { data, count, columns, stride }),
            Err(error) => Err(error),
        }
    }

    /// As [`Rows::without_columns`].
    #[must_use]
    pub const fn without_columns(rows: usize) -> Self {
        Self { data: &mut [], count: rows, columns: 0, stride: 0 }
    }

    /// Where the first row begins.
    #[inline]
    pub(crate) const fn as_mut_ptr(&mut self) -> *mut f32 {
        self.data.as_mut_ptr()
    }

    /// Row `i`, or `None` past the last.
    #[inline]
    #[must_use]
    pub fn row(&mut self, i: usize) -> Option<&mut [f32]> {
        let start = if i < self.count { i * self.stride } else { return None };
        self.data.get_mut(start..start + self.columns)
    }

    /// The rows in order.
    #[inline]
    #[must_use]
    pub fn iter_mut(&mut self) -> IterMut<'_> {
        self.reborrow().into_iter()
    }

    /// The same rows, to be read.
    #[inline]
    #[must_use]
    pub const fn as_rows(&self) -> Rows<'_> {
        Rows { data: self.data, count: self.count, columns: self.columns, stride: self.stride }
    }

    /// The same rows, borrowed for a shorter time.
    #[inline]
    #[must_use]
    pub const fn reborrow(&mut self) -> RowsMut<'_> {
        RowsMut { data: self.data, count: self.count, columns: self.columns, stride: self.stride }
    }
}

/// The rows of a [`Rows`].
#[derive(Clone, Debug)]
pub struct Iter<'a> {
    rows: Rows<'a>,
    next: usize,
}

impl<'a> Iterator for Iter<'a> {
    type Item = &'a [f32];

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let row = self.rows.row(self.next)?;
        self.next += 1;
        Some(row)
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.rows.count - self.next;
        (left, Some(left))
    }
}

impl ExactSizeIterator for Iter<'_> {}

/// The rows of a [`RowsMut`].
#[derive(Debug)]
pub struct IterMut<'a> {
    /// Those that are left.
    rows: RowsMut<'a>,
}

impl<'a> Iterator for IterMut<'a> {
    type Item = &'a mut [f32];

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.rows.count = self.rows.count.checked_sub(1)?;
        let data = core::mem::take(&mut self.rows.data);
        let (row, rest) = data.split_at_mut(self.rows.stride.min(data.len()));
        self.rows.data = rest;
        row.get_mut(..self.rows.columns)
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.rows.count, Some(self.rows.count))
    }
}

impl ExactSizeIterator for IterMut<'_> {}

impl<'a> IntoIterator for Rows<'a> {
    type Item = &'a [f32];
    type IntoIter = Iter<'a>;

    #[inline]
    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl<'a> IntoIterator for &Rows<'a> {
    type Item = &'a [f32];
    type IntoIter = Iter<'a>;

    #[inline]
    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl<'a> IntoIterator for RowsMut<'a> {
    type Item = &'a mut [f32];
    type IntoIter = IterMut<'a>;

    #[inline]
    fn into_iter(self) -> IterMut<'a> {
        IterMut { rows: self }
    }
}

impl<'a> IntoIterator for &'a mut RowsMut<'_> {
    type Item = &'a mut [f32];
    type IntoIter = IterMut<'a>;

    #[inline]
    fn into_iter(self) -> IterMut<'a> {
        self.iter_mut()
    }
}

/// `Ok` if `found` has the shape of `expected`.
pub(crate) fn check_shape(
    argument: &'static str,
    expected: Rows<'_>,
    found: &RowsMut<'_>,
) -> Result {
    check_row_count(argument, expected.rows(), found.rows())?;
    check_column_count(argument, expected.columns(), found.columns())
}

pub(crate) fn check_row_count(argument: &'static str, expected: usize, found: usize) -> Result {
    if found == expected { Ok(()) } else { Err(Error::RowCount { argument, expected, found }) }
}

pub(crate) fn check_column_count(argument: &'static str, expected: usize, found: usize) -> Result {
    if found == expected { Ok(()) } else { Err(Error::ColumnCount { argument, expected, found }) }
}
