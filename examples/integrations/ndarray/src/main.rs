//! `logits` on arrays of `ndarray`: which need no copy, and what to do with the others.
//!
//! `Rows` looks at a slice. An array in standard layout is one, and a range of its columns is a
//! slice with a stride. Others, as a transpose, are copied into standard layout.

use logits::loss::CrossEntropy;
use logits::{Error, Rows, RowsMut, rows};
use ndarray::{Array2, ArrayRef2, Axis, array};
use std::ops::Range;

/// An array in standard layout, as rows. `None` if it has another.
fn rows_of(array: &ArrayRef2<f32>) -> Option<Result<Rows<'_>, Error>> {
    if array.ncols() == 0 {
        return Some(Ok(Rows::without_columns(array.nrows())));
    }
    Some(Rows::new(array.as_slice()?, array.ncols()))
}

/// The same to write to.
fn rows_of_mut(array: &mut ArrayRef2<f32>) -> Option<Result<RowsMut<'_>, Error>> {
    let (rows, columns) = array.dim();
    if columns == 0 {
        return Some(Ok(RowsMut::without_columns(rows)));
    }
    Some(RowsMut::new(array.as_slice_mut()?, columns))
}

/// A range of the columns of an array in standard layout: nothing is copied.
fn columns_of(array: &ArrayRef2<f32>, range: Range<usize>) -> Option<Result<Rows<'_>, Error>> {
    let window = array.as_slice()?.get(range.start..)?;
    Some(Rows::with_stride(window, range.len(), array.ncols()))
}

fn main() -> Result<(), Error> {
    let scores = array![[2.0f32, 1.0, -1.0, 9.0], [0.0, 0.0, 0.0, 9.0]];
    let every = "an array of its own has standard layout";

    let mut p = Array2::zeros(scores.dim());
    rows::softmax(rows_of(&scores).expect(every)?, rows_of_mut(&mut p).expect(every)?)?;
    println!("softmax\n{p:.4}");
    assert!(p.sum_axis(Axis(1)).iter().all(|sum| (sum - 1.0).abs() < 1e-6));

    // The first three columns alone, where they lie.
    let mut window = Array2::zeros((2, 3));
    let view = columns_of(&scores, 0..3).expect(every)?;
    rows::softmax(view, rows_of_mut(&mut window).expect(every)?)?;
    println!("softmax of three columns\n{window:.4}");
    assert_eq!(window[[1, 2]], 1.0 / 3.0);

    // A transpose is no rows in memory: it is copied.
    let transposed = scores.t();
    assert!(rows_of(&transposed).is_none());
    let copy = transposed.as_standard_layout();
    let mut entropies = vec![0.0; copy.nrows()];
    rows::entropy_of_scores(rows_of(&copy).expect(every)?, &mut entropies)?;
    println!("entropies of the columns {entropies:.4?}");
    assert_eq!(entropies[3], 2f32.ln());

    // A row of any array whose elements are neighbours is a slice.
    let of_rows =
        scores.rows().into_iter().filter_map(|row| row.to_slice().map(logits::log_sum_exp));
    println!("log-sum-exp {:.4?}", of_rows.collect::<Vec<_>>());

    let mut gradient = scores;
    let place = rows_of_mut(&mut gradient).expect(every)?;
    let loss = CrossEntropy::new().gradient_in_place(place, &[3u8, 0])?;
    println!("loss {:.4}, its gradient\n{gradient:.4}", loss.mean());
    assert!(gradient.sum().abs() < 1e-6);
    Ok(())
}
