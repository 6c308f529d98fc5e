//! Class labels of any integer type, checked once and then without their type.

use crate::error::{Error, Result, check_length};

/// An integer that names a class: `u8`, `u16`, `u32`, `usize`, `i32` or `i64`.
pub trait Label: Erase {}

/// The operations that the losses use on a [`Label`].
pub trait Erase: Copy {
    /// The labels without their type: the code that reads them exists once for all types.
    fn erase(labels: &[Self]) -> Erased<'_>;
    /// Whether labels may be negative.
    const IS_SIGNED: bool;
    /// The label; one that is larger than `i64::MAX` becomes negative, as by `as i64`.
    fn wide(self) -> i64;
}

macro_rules! labels {
    ($($variant:ident($integer:ty)),*) => {
        /// Labels of one of the types.
        #[derive(Clone, Copy)]
        pub enum Erased<'a> {
            $(#[doc(hidden)] $variant(&'a [$integer]),)*
        }

        impl Erased<'_> {
            /// Writes `of(label)` for the labels from row `first` on, as many as `out` has places.
            #[inline(always)]
            fn read(self, first: usize, out: &mut [usize], of: impl Fn(i64) -> usize) {
                match self {
                    $(Self::$variant(labels) => {
                        let labels = labels.get(first..).unwrap_or(&[]);
                        for (label, out) in labels.iter().zip(out) {
                            *out = of(label.wide());
                        }
                    })*
                }
            }
        }

        $(
            impl Label for $integer {}

            impl Erase for $integer {
                const IS_SIGNED: bool = <$integer>::MIN != 0;

                #[inline]
                fn erase(labels: &[Self]) -> Erased<'_> {
                    Erased::$variant(labels)
                }

                #[inline(always)]
                #[allow(clippy::unnecessary_cast, clippy::cast_lossless)] // not for all types
                fn wide(self) -> i64 {
                    self as i64
                }
            }
        )*
    };
}

labels!(U8(u8), U16(u16), U32(u32), Usize(usize), I32(i32), I64(i64));

/// One checked label a row.
#[derive(Clone, Copy)]
pub(crate) struct Labels<'a> {
    labels: Erased<'a>,
    pub(crate) ignored: Option<i64>,
}

impl<'a> Labels<'a> {
    /// Checks that each label is below `columns` or is the ignored label.
    pub(crate) fn new<L: Label>(
        labels: &'a [L],
        rows: usize,
        columns: usize,
        ignored: Option<i64>,
    ) -> Result<Self> {
        check_length("labels", rows, labels.len())?;
        for (row, label) in labels.iter().enumerate() {
            let label = label.wide();
            // As an unsigned number, a negative label is very large.
            if label as u64 >= columns as u64 && Some(label) != ignored {
                let is_huge = label < 0 && !L::IS_SIGNED;
                let label = if is_huge { i64::MAX } else { label };
                return Err(Error::Label { row, label, columns });
            }
        }
        Ok(Self { labels: L::erase(labels), ignored })
    }

    /// Writes the columns that the labels from row `first` on name, [`NOWHERE`] for an ignored row.
    /// Not inlined: it has a loop for each type of labels.
    #[inline(never)]
    pub(crate) fn read(self, first: usize, classes: &mut [usize]) {
        // A checked label is negative only if it is the ignored label.
        let ignored = self.ignored.unwrap_or(-1);
        let class = |label| if label == ignored { NOWHERE } else { label as usize };
        self.labels.read(first, classes, class);
    }
}

/// No column.
pub(crate) const NOWHERE: usize = usize::MAX;
