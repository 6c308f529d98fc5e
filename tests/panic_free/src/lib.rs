//! A function `call_…` for each public function, of which the linker takes what it is told to:
//! it fails if that can panic, since the panic handler needs what is nowhere, and what it takes
//! has a size.
#![no_std]

use logits::loss::{BinaryCrossEntropy, CrossEntropy, Label, Loss};
use logits::{LogSumExp, Rows, RowsMut, Softmax, rows, scalar};

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    unsafe extern "C" {
        safe fn something_can_panic() -> !;
    }
    something_can_panic()
}

/// What the callers are given: the linker sees no values, so any may come.
pub struct Input<'a> {
    x: &'a [f32],
    y: &'a [f32],
    columns: usize,
    number: f32,
    labels: &'a [u32],
}

macro_rules! callers {
    ($($name:ident($i:ident, $out:ident) $body:expr;)*) => {
        $(
            #[unsafe(no_mangle)]
            pub fn $name($i: &Input<'_>, $out: &mut [f32]) -> Option<f32> {
                $body
            }
        )*
    };
}

fn done(result: Result<(), logits::Error>) -> Option<f32> {
    result.ok().map(|()| 0.0)
}

fn sum(result: Result<Loss, logits::Error>) -> Option<f32> {
    result.ok().map(|loss| loss.sum)
}

fn x<'a>(i: &Input<'a>) -> Option<Rows<'a>> {
    Rows::new(i.x, i.columns).ok()
}

fn y<'a>(i: &Input<'a>) -> Option<Rows<'a>> {
    Rows::new(i.y, i.columns).ok()
}

fn to<'a>(i: &Input<'_>, out: &'a mut [f32]) -> Option<RowsMut<'a>> {
    RowsMut::new(out, i.columns).ok()
}

fn of_labels<L: Label>(i: &Input<'_>, labels: &[L]) -> Option<f32> {
    sum(CrossEntropy::new().loss(x(i)?, labels))
}

callers! {
    call_nothing(_i, _out) None;

    call_exp(i, out) done(logits::exp(i.x, out));
    call_exp_in_place(_i, out) { logits::exp_in_place(out); None };
    call_exp_m1(i, out) done(logits::exp_m1(i.x, out));
    call_exp_m1_in_place(_i, out) { logits::exp_m1_in_place(out); None };
    call_ln(i, out) done(logits::ln(i.x, out));
    call_ln_in_place(_i, out) { logits::ln_in_place(out); None };
    call_ln_1p(i, out) done(logits::ln_1p(i.x, out));
    call_ln_1p_in_place(_i, out) { logits::ln_1p_in_place(out); None };
    call_sigmoid(i, out) done(logits::sigmoid(i.x, out));
    call_sigmoid_in_place(_i, out) { logits::sigmoid_in_place(out); None };
    call_log_sigmoid(i, out) done(logits::log_sigmoid(i.x, out));
    call_log_sigmoid_in_place(_i, out) { logits::log_sigmoid_in_place(out); None };
    call_softplus(i, out) done(logits::softplus(i.x, out));
    call_softplus_in_place(_i, out) { logits::softplus_in_place(out); None };

    call_scalar_exp(i, _out) Some(scalar::exp(i.number));
    call_scalar_exp_m1(i, _out) Some(scalar::exp_m1(i.number));
    call_scalar_ln(i, _out) Some(scalar::ln(i.number));
    call_scalar_ln_1p(i, _out) Some(scalar::ln_1p(i.number));
    call_scalar_sigmoid(i, _out) Some(scalar::sigmoid(i.number));
    call_scalar_log_sigmoid(i, _out) Some(scalar::log_sigmoid(i.number));
    call_scalar_softplus(i, _out) Some(scalar::softplus(i.number));
    call_scalar_log_add_exp(i, _out) Some(scalar::log_add_exp(i.number, *i.x.first()?));
    call_log_add_exp(i, _out) Some(logits::log_add_exp(i.number, *i.x.first()?));

    call_log_sum_exp(i, _out) Some(logits::log_sum_exp(i.x));
    call_rows_log_sum_exp(i, out) done(rows::log_sum_exp(x(i)?, out));
    call_log_sum_exp_of_pieces(i, _out) {
        let mut sum: LogSumExp = i.y.iter().collect();
        sum.push(i.number);
        sum.extend_from_slice(i.x);
        Some(sum.merge(LogSumExp::default()).value())
    };

    call_log_dot_exp(i, _out) logits::log_dot_exp(i.x, i.y).ok();
    call_rows_log_dot_exp(i, out) done(rows::log_dot_exp(x(i)?, i.y, out));

    call_softmax(i, out) done(logits::softmax(i.x, out));
    call_softmax_in_place(_i, out) { logits::softmax_in_place(out); None };
    call_rows_softmax(i, out) done(rows::softmax(x(i)?, to(i, out)?));
    call_rows_softmax_in_place(i, out) { rows::softmax_in_place(to(i, out)?); None };
    call_log_softmax(i, out) done(logits::log_softmax(i.x, out));
    call_log_softmax_in_place(_i, out) { logits::log_softmax_in_place(out); None };
    call_rows_log_softmax(i, out) done(rows::log_softmax(x(i)?, to(i, out)?));
    call_rows_log_softmax_in_place(i, out) { rows::log_softmax_in_place(to(i, out)?); None };

    call_scaled_softmax(i, out) done(options(i).softmax(i.x, out));
    call_scaled_softmax_in_place(i, out) done(options(i).softmax_in_place(out));
    call_scaled_log_softmax(i, out) done(options(i).log_softmax(i.x, out));
    call_scaled_log_softmax_in_place(i, out) done(options(i).log_softmax_in_place(out));
    call_scaled_softmax_rows(i, out) done(options(i).softmax_rows(x(i)?, to(i, out)?));
    call_scaled_softmax_rows_in_place(i, out) done(options(i).softmax_rows_in_place(to(i, out)?));
    call_scaled_log_softmax_rows(i, out) done(options(i).log_softmax_rows(x(i)?, to(i, out)?));
    call_scaled_log_softmax_rows_in_place(i, out) {
        done(options(i).log_softmax_rows_in_place(to(i, out)?))
    };

    call_softmax_backward(i, out) done(logits::softmax_backward(i.x, i.y, out));
    call_softmax_backward_in_place(i, out) done(logits::softmax_backward_in_place(i.x, out));
    call_rows_softmax_backward(i, out) done(rows::softmax_backward(x(i)?, y(i)?, to(i, out)?));
    call_rows_softmax_backward_in_place(i, out) {
        done(rows::softmax_backward_in_place(x(i)?, to(i, out)?))
    };
    call_log_softmax_backward(i, out) done(logits::log_softmax_backward(i.x, i.y, out));
    call_log_softmax_backward_in_place(i, out) {
        done(logits::log_softmax_backward_in_place(i.x, out))
    };
    call_rows_log_softmax_backward(i, out) {
        done(rows::log_softmax_backward(x(i)?, y(i)?, to(i, out)?))
    };
    call_rows_log_softmax_backward_in_place(i, out) {
        done(rows::log_softmax_backward_in_place(x(i)?, to(i, out)?))
    };

    call_entropy(i, _out) Some(logits::entropy(i.x));
    call_cross_entropy(i, _out) logits::cross_entropy(i.x, i.y).ok();
    call_kl_divergence(i, _out) logits::kl_divergence(i.x, i.y).ok();
    call_js_divergence(i, _out) logits::js_divergence(i.x, i.y).ok();
    call_rows_entropy(i, out) done(rows::entropy(x(i)?, out));
    call_rows_entropy_of_scores(i, out) done(rows::entropy_of_scores(x(i)?, out));
    call_rows_cross_entropy(i, out) done(rows::cross_entropy(x(i)?, y(i)?, out));
    call_rows_kl_divergence(i, out) done(rows::kl_divergence(x(i)?, y(i)?, out));
    call_rows_js_divergence(i, out) done(rows::js_divergence(x(i)?, y(i)?, out));
    call_rows_kl_divergence_of_scores(i, out) {
        done(rows::kl_divergence_of_scores(x(i)?, y(i)?, out))
    };
    call_rows_kl_divergence_of_scores_and_gradient(i, out) {
        let (out, gradient) = out.split_at_mut_checked(x(i)?.rows())?;
        done(rows::kl_divergence_of_scores_and_gradient(x(i)?, y(i)?, out, to(i, gradient)?))
    };
    call_rows_linear(i, out) done(rows::linear(x(i)?, y(i)?, &[i.number], to(i, out)?));
    call_rows_linear_backward(i, out) {
        let (bias, gradient) = out.split_at_mut_checked(i.labels.len())?;
        done(rows::linear_backward(x(i)?, y(i)?, to(i, gradient)?, bias))
    };
    call_rows_weighted_sums(i, out) done(rows::weighted_sums(x(i)?, y(i)?, to(i, out)?));
    call_rows_and_their_iterators(i, out) {
        let stride = i.labels.len();
        let x = Rows::with_stride(i.x, i.columns, stride).ok()?;
        let mut to = RowsMut::with_stride(out, i.columns, stride).ok()?;
        for (x, mut out) in x.iter().zip(to.reborrow().iter_mut()) {
            *out.split_off_first_mut()? = *x.first()?;
        }
        to.row(i.columns)?.fill(i.number);
        let none = Rows::without_columns(stride);
        to.as_rows().row(none.rows())?.first().copied()
    };

    call_loss(i, _out) sum(CrossEntropy::new().loss(x(i)?, i.labels));
    call_losses(i, out) sum(CrossEntropy::new().losses(x(i)?, i.labels, out));
    call_loss_and_gradient(i, out) {
        sum(CrossEntropy::new().loss_and_gradient(x(i)?, i.labels, to(i, out)?))
    };
    call_gradient_in_place(i, out) {
        sum(CrossEntropy::new().gradient_in_place(to(i, out)?, i.labels))
    };
    call_loss_soft(i, _out) sum(CrossEntropy::new().loss_soft(x(i)?, y(i)?));
    call_losses_soft(i, out) sum(CrossEntropy::new().losses_soft(x(i)?, y(i)?, out));
    call_loss_and_gradient_soft(i, out) {
        sum(CrossEntropy::new().loss_and_gradient_soft(x(i)?, y(i)?, to(i, out)?))
    };
    call_gradient_in_place_soft(i, out) {
        sum(CrossEntropy::new().gradient_in_place_soft(to(i, out)?, y(i)?))
    };
    call_loss_and_gradient_with_options(i, out) {
        let loss = CrossEntropy::new()
            .label_smoothing(i.number)
            .ignored_label(-100)
            .class_weights(i.y)
            .z_loss(i.number)
            .soft_cap(i.number)
            .temperature(i.number);
        sum(loss.loss_and_gradient(x(i)?, i.labels, to(i, out)?))
    };
    call_loss_of_other_labels(i, _out) {
        Some(
            of_labels::<u8>(i, &[1])?
                + of_labels::<u16>(i, &[1])?
                + of_labels::<usize>(i, &[1])?
                + of_labels::<i32>(i, &[1])?
                + of_labels::<i64>(i, &[1])?,
        )
    };
    call_methods_of_loss(i, out) {
        let loss = CrossEntropy::new().loss(x(i)?, i.labels).ok()?;
        loss.mean_gradient(out);
        let all: Loss = [loss, loss + loss].into_iter().sum();
        Some(all.mean() + all.mean_or(i.number))
    };

    call_binary_loss(i, _out) sum(binary(i).loss(i.x, i.y));
    call_binary_losses(i, out) sum(binary(i).losses(i.x, i.y, out));
    call_binary_loss_and_gradient(i, out) sum(binary(i).loss_and_gradient(i.x, i.y, out));
    call_binary_gradient_in_place(i, out) sum(binary(i).gradient_in_place(out, i.y));
    call_binary_focal_loss_and_gradient(i, out) {
        sum(binary(i).alpha(i.number).focal(i.number).loss_and_gradient(i.x, i.y, out))
    };
    call_binary_loss_of_probabilities(i, _out) sum(binary(i).loss_of_probabilities(i.x, i.y));
    call_binary_loss_and_gradient_of_probabilities(i, out) {
        sum(binary(i).loss_and_gradient_of_probabilities(i.x, i.y, out))
    };
}

fn options(i: &Input<'_>) -> Softmax {
    Softmax::new().scale(i.number).zeros_where_masked()
}

fn binary(i: &Input<'_>) -> BinaryCrossEntropy {
    BinaryCrossEntropy::new().pos_weight(i.number)
}
