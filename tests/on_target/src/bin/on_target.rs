//! Compares, on a microcontroller or in WebAssembly, what every function gives with the table
//! that `tables write scalar target/scalar.table` wrote.
#![no_std]
#![no_main]

#[cfg_attr(target_arch = "wasm32", path = "on_target/wasm.rs")]
#[cfg_attr(not(target_arch = "wasm32"), path = "on_target/semihosted.rs")]
mod host;

use host::{Table, end, print};
use logits::Backend;
use on_target::{Case, Input};

/// Whether everything is as expected; the first number that is not is printed.
fn compare() -> bool {
    let Some(mut table) = Table::open() else {
        print(format_args!("no table"));
        return false;
    };
    let (mut count, mut is_right) = (0usize, true);
    let calls = on_target::run(Backend::best(), |case, input, i, found| {
        let expected = table.next();
        is_right = expected == Some(found);
        if is_right {
            count += 1;
        } else {
            show(case, input, i, found, expected);
        }
        is_right
    });
    if is_right && let Some(expected) = table.next() {
        print(format_args!("more was expected: {expected:08x}"));
        return false;
    }
    if is_right {
        let name = Backend::best().name();
        print(format_args!("{calls} calls on {name}: {count} numbers have the expected bits"));
    }
    is_right
}

fn show(case: &Case, input: &Input<'_>, i: usize, found: u32, expected: Option<u32>) {
    print(format_args!("{case}: number {i} is {found:08x}, expected {expected:08x?}, of"));
    for (name, row) in [("x", input.x), ("y", input.y), ("p", input.p), ("q", input.q)] {
        for (i, number) in row.iter().enumerate() {
            print(format_args!("{name}[{i}] = {:08x}", number.to_bits()));
        }
    }
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    print(format_args!("{info}"));
    end(false)
}
