//! The tests ask for functions of AddressSanitizer by name.

fn main() {
    println!("cargo:rustc-link-arg-tests=-rdynamic");
}
